import type { DeviceLoss } from '../util/diagnostics'
import { OctavoError } from '../util/octavo-error'

/** A model on a GPU. */
interface OnGpu<Runner> {
  readonly runner: Runner
  /** Resolves with the error when the browser takes the GPU away. */
  readonly lost: Promise<OctavoError>
  destroy(): void
}

/** What the model's requests run in. */
interface Running<Runner> {
  /** It answers nothing more. */
  readonly ended: boolean
  /** Has requests wait. */
  pause(): void
  /** Goes on with them on another GPU. */
  resume(runner: Runner): void
  /** Ends them, now and from now on. */
  stop(error: OctavoError): void
}

interface LiveModelParts<Runner, Model extends OnGpu<Runner>> {
  readonly model: Model
  readonly running: Running<Runner>
  /** Loads the same model once more; 'aborted' where it is unloaded meanwhile. */
  readonly loadAgain: () => Promise<Model>
  /** Requests have ended, since it did not come back. */
  readonly onFailed: () => void
  readonly clock?: Clock
}

/** Milliseconds; for tests, another one than the browser's. */
export interface Clock {
  now(): number
  /** Resolves after the time, or where the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

/** A browser that restarts its GPU process has no adapter for a moment. */
const waitsMs = [0, 500, 2000, 8000]

/** A GPU that is lost so soon after a load, so often in a row, is lost by what the model does there. */
const shortLifeMs = 60_000
const mostShortLives = 3

/** After a second crash of its GPU process Chromium gives a page no adapter, until it is reloaded or some time has passed. */
const adapterRemedy =
  'Reload the page and load the model again; if there is no GPU then, restart the browser.'

/** Faults of a GPU that goes, or is not there yet. */
const passing: ReadonlySet<OctavoError['code']> = new Set(['device-lost', 'no-adapter', 'gpu-out-of-memory'])

const browserClock: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      signal.addEventListener('abort', end, { once: true })
    }),
}

/** A model that comes back when the browser takes the GPU away: requests wait, and go on where they were. */
export class LiveModel<Runner, Model extends OnGpu<Runner>> {
  /** The GPUs that were lost since the model was loaded, in order. */
  readonly losses: DeviceLoss[] = []
  readonly #parts: Omit<LiveModelParts<Runner, Model>, 'model' | 'clock'>
  readonly #clock: Clock
  #model: Model
  #loadedAt: number
  #shortLives = 0
  readonly #unloading = new AbortController()

  constructor(parts: LiveModelParts<Runner, Model>) {
    // Not the first model, which would be kept when it is gone.
    const { model, clock = browserClock, ...rest } = parts
    this.#parts = rest
    this.#clock = clock
    this.#model = model
    this.#loadedAt = clock.now()
    this.#watch()
  }

  /** As it was loaded last. */
  get model(): Model {
    return this.#model
  }

  /** Ends what runs and releases the GPU. */
  unload(): void {
    this.#unloading.abort()
    this.#parts.running.stop(
      new OctavoError('unloaded', 'The engine was unloaded.', 'Create a new engine with createEngine().'),
    )
    this.#model.destroy()
  }

  get #isUnloaded(): boolean {
    return this.#unloading.signal.aborted
  }

  #watch(): void {
    void this.#model.lost.then((error) => this.#recover(error))
  }

  async #recover(lost: OctavoError): Promise<void> {
    const { running, onFailed } = this.#parts
    this.#model.destroy()
    if (running.ended) return
    const lostAt = this.#clock.now()
    running.pause()
    this.#shortLives = lostAt - this.#loadedAt < shortLifeMs ? this.#shortLives + 1 : 0
    const place = this.losses.push({ reason: lost.message, recoveredAfterMs: null }) - 1
    try {
      if (this.#shortLives >= mostShortLives) throw lostTooOften()
      this.#model = await this.#loadAgain()
    } catch (cause) {
      // The load was aborted to be unloaded next.
      if (this.#isUnloaded || (cause instanceof OctavoError && cause.code === 'aborted')) return
      running.stop(goneError(lost, cause))
      // Those who wait for answers hear first, and why.
      await this.#clock.wait(0, this.#unloading.signal)
      onFailed()
      return
    }
    if (this.#isUnloaded) {
      this.#model.destroy()
      return
    }
    this.#loadedAt = this.#clock.now()
    this.losses[place] = { reason: lost.message, recoveredAfterMs: this.#loadedAt - lostAt }
    this.#watch()
    running.resume(this.#model.runner)
  }

  async #loadAgain(): Promise<Model> {
    let last: unknown = null
    for (const ms of waitsMs) {
      await this.#clock.wait(ms, this.#unloading.signal)
      if (this.#isUnloaded) break
      try {
        return await this.#parts.loadAgain()
      } catch (error) {
        if (error instanceof OctavoError && !passing.has(error.code)) throw error
        last = error
      }
    }
    throw last
  }
}

function lostTooOften(): OctavoError {
  return new OctavoError(
    'device-lost',
    `it was lost ${mostShortLives} times in a row within ${shortLifeMs / 1000} s of being loaded`,
    'Choose a smaller model, a smaller tokenBudget or fewer maxSequences, update the graphics driver, or restart the browser.',
  )
}

/** Why requests end although the model was to be loaded again. */
function goneError(lost: OctavoError, cause: unknown): OctavoError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const known = cause instanceof OctavoError ? cause : lost
  const remedy = known.code === 'no-adapter' ? adapterRemedy : known.remedy
  const what = lost.message.replace(/\.$/, '')
  return new OctavoError('device-lost', `${what}. The model did not come back: ${why}`, remedy, { cause })
}
