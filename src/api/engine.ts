import { transfer } from 'comlink'
import { abortedError } from '../util/octavo-error'
import type { EngineInfo, EngineStats, LoadProgress, LoadRequest } from '../worker/protocol'
import { ChatCompletions } from './chat'
import { Completions } from './completions'
import type { Connection } from './connection'

/** A loaded model, ready to answer; `createEngine` makes one. */
export class Engine {
  /** What was loaded, onto which device, and how it runs. */
  readonly info: EngineInfo
  readonly chat: { readonly completions: ChatCompletions }
  readonly completions: Completions
  readonly #connection: Connection

  private constructor(connection: Connection, info: EngineInfo) {
    this.#connection = connection
    this.info = info
    this.chat = { completions: new ChatCompletions(connection, info.model.reference) }
    this.completions = new Completions(connection, info.model.reference)
  }

  /**
   * Loads a model over the connection; where that fails, the connection is closed.
   *
   * @internal
   */
  static async load(
    connection: Connection,
    request: LoadRequest,
    options: { onProgress?: (progress: LoadProgress) => void; signal?: AbortSignal },
  ): Promise<Engine> {
    const progress = new ProgressReports(options.onProgress ?? (() => {}))
    try {
      const loading = connection.call((service) =>
        service.load(request, transfer(progress.port, [progress.port])),
      )
      const info = await unlessAborted(loading, options.signal)
      progress.ready()
      return new Engine(connection, info)
    } catch (error) {
      void connection.close()
      throw error
    } finally {
      progress.close()
    }
  }

  /**
   * What the engine is doing now: sequences that run and wait, KV blocks in use.
   *
   * @example
   * const { blocksInUse, blocks } = await engine.stats()
   */
  stats(): Promise<EngineStats> {
    return this.#connection.call((service) => service.stats())
  }

  /**
   * Ends whatever runs (its callers get an OctavoError 'unloaded'), releases the GPU and ends the worker. The
   * weights stay on this device's disk. Calling it again does nothing more.
   */
  unload(): Promise<void> {
    return this.#connection.close()
  }

  /** `await using engine = await createEngine(…)` unloads at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unload()
  }
}

/** Takes progress from the worker and passes it on, until the load has ended. */
class ProgressReports {
  /** The worker's end. */
  readonly port: MessagePort
  readonly #own: MessagePort
  readonly #report: (progress: LoadProgress) => void
  #last: LoadProgress = { phase: 'resolving', loadedBytes: 0, totalBytes: 0, storedBytes: 0 }

  /** @param report is called apart, so that what it throws is the app's and does not end the load. */
  constructor(report: (progress: LoadProgress) => void) {
    const { port1, port2 } = new MessageChannel()
    this.#own = port1
    this.port = port2
    this.#report = (progress) => queueMicrotask(() => report(progress))
    port1.onmessage = ({ data }: MessageEvent<LoadProgress>) => {
      this.#last = data
      this.#report(data)
    }
    this.#report(this.#last)
  }

  /** The worker's answer may overtake its last reports: what was loaded is what there is. */
  ready(): void {
    this.close()
    this.#report({ ...this.#last, phase: 'ready', loadedBytes: this.#last.totalBytes })
  }

  close(): void {
    this.#own.onmessage = null
    this.#own.close()
  }
}

/** The promise, or 'aborted' as soon as the signal says so. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const aborted = () => reject(abortedError('Loading the model', signal))
    if (signal.aborted) aborted()
    signal.addEventListener('abort', aborted)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted))
  })
}
