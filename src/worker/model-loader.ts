import type { LoadModelOptions, RoomOptions } from '../model/load'
import type { ModelHeader, WeightSink } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { openModel } from '../weights/open-model'
import type { ByteProgress, OpenedModel } from '../weights/types'
import type { LoadReport, LoadRequest } from './protocol'
import { browserVersion, openTacticsStore } from './tactics-store'

/** A model on the GPU, waiting for its weights. */
interface Loading<Model> {
  /** Where the file's bytes go. */
  readonly sink: WeightSink
  /** After the last byte. */
  finish(): Promise<Model>
  destroy(): void
}

/** What a model was that is loaded again. */
interface LoadedBefore {
  readonly content: string
  /** Of the KV cache; null: as the request says. */
  readonly cacheTokens: number | null
}

/** Makes room for a model on the GPU. */
type BeginLoad<Model> = (options: LoadModelOptions) => Promise<Loading<Model>>

/** Puts the model of a request onto the GPU, and again where the GPU has been lost. */
export class ModelLoader {
  readonly #gpu: GPU
  #request: LoadRequest
  readonly #report: (report: LoadReport) => void
  readonly #signal: AbortSignal
  #bytes: ByteProgress = { loadedBytes: 0, totalBytes: 0, storedBytes: 0 }
  #recovering = false

  constructor(
    gpu: GPU,
    request: LoadRequest,
    report: (report: LoadReport) => void,
    /** Ends what is being loaded. */
    signal: AbortSignal,
  ) {
    this.#gpu = gpu
    this.#request = request
    this.#report = report
    this.#signal = signal
  }

  /** Finds the model's files and reads their headers. */
  async open(): Promise<OpenedModel> {
    this.#bytes = { loadedBytes: 0, totalBytes: 0, storedBytes: 0 }
    this.enter('resolving')
    const { hub, model } = this.#request
    const opened = await openModel(modelReference(model), { hub, signal: this.#signal })
    this.#bytes = { ...this.#bytes, totalBytes: opened.header.fileBytes }
    return opened
  }

  /** Makes room for it, fetches its weights and has a first run. */
  async load<Model>(opened: OpenedModel, begin: BeginLoad<Model>): Promise<Model> {
    this.enter('preparing')
    const loading = await begin(await this.#options(opened))
    try {
      this.enter('fetching')
      const onProgress = (progress: ByteProgress) => {
        this.#bytes = progress
        this.enter('fetching')
      }
      await opened.stream(loading.sink, { signal: this.#signal, onProgress })
      this.enter('warming-up')
      return await loading.finish()
    } catch (error) {
      loading.destroy()
      throw error
    }
  }

  /** Loads the same content as before; reports tell that it is not the first time. */
  async loadAgain<Model>({ content, cacheTokens }: LoadedBefore, begin: BeginLoad<Model>): Promise<Model> {
    this.#recovering = true
    const { kvCache, tune } = this.#request
    // Requests have been taken that need as large a cache, and wait for more than new timings.
    this.#request = {
      ...this.#request,
      kvCache: { ...kvCache, maxTokens: cacheTokens ?? kvCache.maxTokens },
      tune: tune === 'full' ? 'cached' : tune,
    }
    const opened = await this.open()
    if (opened.content !== content) throw changedError(opened)
    const model = await this.load(opened, begin)
    this.enter('ready')
    return model
  }

  enter(phase: LoadReport['phase']): void {
    this.#report({ phase, ...this.#bytes, recovering: this.#recovering })
  }

  async #options({ header }: OpenedModel): Promise<LoadModelOptions> {
    const { tune } = this.#request
    return {
      ...roomOptions(this.#request, header),
      gpu: this.#gpu,
      signal: this.#signal,
      tactics: {
        tune,
        store: await openTacticsStore(),
        browser: await browserVersion(),
        onTuning: () => this.enter('tuning'),
      },
    }
  }
}

/** What brings a model back that has been loaded. */
export function recoveryOf<Model>(
  loader: ModelLoader,
  before: LoadedBefore,
  begin: BeginLoad<Model>,
): { readonly loadAgain: () => Promise<Model>; readonly onFailed: () => void } {
  return { loadAgain: () => loader.loadAgain(before, begin), onFailed: () => loader.enter('failed') }
}

/** How much room the model of a request takes. */
export function roomOptions(
  { floatWeights, kvCache, invariance, precision, maxSequences, tokenBudget }: LoadRequest,
  header: ModelHeader,
): RoomOptions {
  return { header, floatWeights, kvCache, invariance, precision, maxSequences, maxBatchTokens: tokenBudget }
}

/** A file that came from another thread has lost its name on the way. */
export function modelReference(model: LoadRequest['model']): string | readonly File[] {
  return typeof model === 'string' ? model : model.map(({ name, blob }) => new File([blob], name))
}

function changedError({ source }: OpenedModel): OctavoError {
  return new OctavoError(
    'not-found',
    `${source.reference} is not on this device any more, and other files are at that address now.`,
    'Load the model again, and send the request again.',
  )
}
