import {
  createEngine,
  type Engine,
  inspectModel,
  type LoadProgress,
  type ModelInspection,
  OctavoError,
  type RecoveryProgress,
} from 'octavo'
import { toOctavoError } from '../errors/unexpected'
import { Observable } from '../observable'
import type { LoadState } from './load-words'
import { findLoaded, forgetLoaded, rememberLoaded } from './loaded-models'
import type { ModelChoice } from './model-choice'
import { TransferRate } from './transfer-rate'

/** Where the page's one model stands. */
export type ModelState =
  | {
      readonly kind: 'absent'
      readonly choice: ModelChoice
      readonly note: string | null
      /** What its file says; null where it has not been looked at. */
      readonly found: ModelInspection | null
    }
  | {
      readonly kind: 'loading'
      readonly choice: ModelChoice
      readonly progress: LoadState
      /** The weights should lie on this device. */
      readonly fromDevice: boolean
      /** How long the last such load took. */
      readonly expectedSeconds: number | null
    }
  | {
      readonly kind: 'ready'
      readonly choice: ModelChoice
      readonly engine: Engine
      /** How far it has come back since the browser took the GPU away; answers wait for it. null: it is there. */
      readonly recovery: LoadProgress | null
    }
  | { readonly kind: 'failed'; readonly choice: ModelChoice; readonly error: OctavoError }

/** A load that nobody clicked for may read the header anew, but never the weights. */
const mostUnaskedBytes = 4e6

/** Loads and unloads the page's model. */
export class ModelSession {
  readonly state: Observable<ModelState>
  readonly #token: (choice: ModelChoice) => string | null
  #loading: AbortController | null = null
  #looking: AbortController | null = null

  /** @param token the access token that may be sent to the choice's endpoint. */
  constructor(choice: ModelChoice, token: (choice: ModelChoice) => string | null) {
    // Nobody who comes back is shown, for a moment, a button to load what loads by itself.
    this.state = new Observable(
      findLoaded(choice) ? loading(choice, beginning) : { kind: 'absent', choice, note: null, found: null },
    )
    this.#token = token
  }

  get engine(): Engine | null {
    const state = this.state.value
    return state.kind === 'ready' ? state.engine : null
  }

  /** Loads the model if this browser has loaded it before, without a click; it never downloads weights. */
  async resume(): Promise<void> {
    const { choice } = this.state.value
    if (findLoaded(choice)) await this.load(choice, { mayDownload: false })
    // Nothing is asked for over a connection that the person pays for.
    else if (!isMetered())
      await this.#look(choice, ({ message }) => {
        const note = `Its file could not be looked at: ${message}`
        this.state.set({ kind: 'absent', choice, note, found: null })
      })
  }

  /** Shows what a model is, for the person to load it or not; one that lies on this device is loaded. */
  async choose(choice: ModelChoice): Promise<void> {
    if (findLoaded(choice)) return this.load(choice)
    this.#loading?.abort()
    this.#loading = null
    void this.engine?.unload()
    this.state.set({ kind: 'absent', choice, note: 'Reading what the model is…', found: null })
    await this.#look(choice, (error) => this.fail(error))
  }

  async #look(choice: ModelChoice, onError: (error: OctavoError) => void): Promise<void> {
    this.#looking?.abort()
    const looking = new AbortController()
    this.#looking = looking
    const isWanted = () => this.#looking === looking && this.state.value.kind === 'absent'
    try {
      const found = await inspectModel(choice.model, { hub: this.#hub(choice), signal: looking.signal })
      if (!isWanted()) return
      if (found.features.embeddings || found.features.rerank) this.fail(noChat(found.features.embeddings))
      else this.state.set({ kind: 'absent', choice, note: null, found })
    } catch (error) {
      if (isWanted()) onError(toOctavoError(error))
    }
  }

  #hub(choice: ModelChoice): { endpoint?: string; token?: string } {
    const token = this.#token(choice)
    return { ...(choice.endpoint && { endpoint: choice.endpoint }), ...(token && { token }) }
  }

  async load(choice: ModelChoice, { mayDownload } = { mayDownload: true }): Promise<void> {
    this.#looking?.abort()
    this.#looking = null
    this.#loading?.abort()
    const controller = new AbortController()
    this.#loading = controller
    const before = this.engine
    const startedMs = performance.now()
    const rate = new TransferRate()
    let last: LoadProgress = beginning
    const onProgress = (progress: LoadProgress) => {
      if (this.#loading !== controller) return
      last = progress
      if (progress.phase === 'fetching') rate.add(performance.now(), progress.loadedBytes)
      if (!mayDownload && progress.loadedBytes - progress.storedBytes > mostUnaskedBytes) {
        forgetLoaded(choice)
        this.#end(
          controller,
          choice,
          'The browser has removed the model from this device; it must be downloaded again.',
        )
        return
      }
      this.state.set(loading(choice, { ...progress, bytesPerSecond: rate.bytesPerSecond }))
    }
    onProgress(last)
    try {
      await before?.unload()
      const engine = await createEngine({
        model: choice.model,
        hub: this.#hub(choice),
        onProgress,
        onRecovery: (progress) => this.#recover(choice, progress),
        signal: controller.signal,
      })
      if (this.#loading !== controller) return void (await engine.unload())
      this.#loading = null
      const { encoder } = engine.info
      if (encoder) {
        await engine.unload()
        throw noChat(encoder.task === 'embed')
      }
      const stored = last.storedBytes === last.totalBytes
      rememberLoaded(choice, engine.info.model.bytes, stored ? (performance.now() - startedMs) / 1000 : null)
      this.state.set({ kind: 'ready', choice, engine, recovery: null })
      void navigator.storage?.persist?.()
    } catch (error) {
      if (this.#loading !== controller) return
      this.fail(toOctavoError(error))
    }
  }

  #recover(choice: ModelChoice, { phase, ...bytes }: RecoveryProgress): void {
    const state = this.state.value
    if (state.kind !== 'ready' || state.choice !== choice) return
    if (phase === 'failed') this.fail(goneForGood())
    else this.state.set({ ...state, recovery: phase === 'ready' ? null : { phase, ...bytes } })
  }

  /** Ends a running load; what has been downloaded stays. */
  cancel(): void {
    const state = this.state.value
    if (state.kind !== 'loading' || !this.#loading) return
    const fetched = state.progress.loadedBytes > 0
    this.#end(
      this.#loading,
      state.choice,
      fetched ? 'Cancelled. What has been downloaded is kept; loading goes on from there.' : null,
    )
  }

  /** The engine is lost: it must be loaded again. */
  fail(error: OctavoError): void {
    this.#loading = null
    const { choice } = this.state.value
    void this.engine?.unload()
    this.state.set({ kind: 'failed', choice, error })
  }

  #end(controller: AbortController, choice: ModelChoice, note: string | null): void {
    this.#loading = null
    this.state.set({ kind: 'absent', choice, note, found: null })
    controller.abort(
      new OctavoError('aborted', 'Loading was cancelled.', 'Load the model when it is wanted.'),
    )
  }
}

/** Nobody waited for an answer, who would be told why. */
function goneForGood(): OctavoError {
  return new OctavoError(
    'device-lost',
    'The browser took the GPU away, and the model did not come back.',
    'Load it again; if there is no GPU for it then, reload the page.',
  )
}

/** Of a model that reads texts and writes none. */
function noChat(makesVectors: boolean): OctavoError {
  const what = makesVectors ? 'makes vectors of texts' : 'ranks texts by a question'
  return new OctavoError(
    'unsupported-architecture',
    `This model ${what} and does not chat.`,
    'Choose a model that chats here; pages use this one by engine.embeddings and engine.rerank.',
  )
}

/** Whether the person pays for the connection or wants to spare it. */
export function isMetered(): boolean {
  const { connection } = navigator as Navigator & {
    readonly connection?: { readonly saveData?: boolean; readonly type?: string }
  }
  return connection?.saveData === true || connection?.type === 'cellular'
}

const beginning: LoadState = {
  phase: 'resolving',
  loadedBytes: 0,
  totalBytes: 0,
  storedBytes: 0,
  bytesPerSecond: null,
}

function loading(choice: ModelChoice, progress: LoadState): ModelState {
  const loaded = findLoaded(choice)
  return {
    kind: 'loading',
    choice,
    progress,
    fromDevice: loaded !== null,
    expectedSeconds: loaded?.seconds ?? null,
  }
}
