import type { LoadProgress, LoadReport } from '../worker/protocol'
import type { EngineOptions } from './options'

/** Takes reports from the worker and passes them on: of the load, and of each time that the model is loaded again. */
export class ProgressReports {
  /** The worker's end. */
  readonly port: MessagePort
  readonly #own: MessagePort
  readonly #listeners: Pick<EngineOptions, 'onProgress' | 'onRecovery'>
  #last: LoadProgress = { phase: 'resolving', loadedBytes: 0, totalBytes: 0, storedBytes: 0 }
  #loading = true

  /** @param listeners are called apart, so that what they throw is the app's and does not end the load. */
  constructor(listeners: Pick<EngineOptions, 'onProgress' | 'onRecovery'>) {
    const { port1, port2 } = new MessageChannel()
    this.#own = port1
    this.port = port2
    this.#listeners = listeners
    port1.onmessage = ({ data }: MessageEvent<LoadReport>) => this.#take(data)
    this.#report(this.#last)
  }

  #take({ recovering, phase, ...bytes }: LoadReport): void {
    if (recovering) queueMicrotask(() => this.#listeners.onRecovery?.({ phase, ...bytes }))
    else if (this.#loading && phase !== 'failed') this.#report({ phase, ...bytes })
  }

  #report(progress: LoadProgress): void {
    this.#last = progress
    queueMicrotask(() => this.#listeners.onProgress?.(progress))
  }

  /** The worker's answer may overtake its last reports: what was loaded is what there is. */
  ready(): void {
    this.#loading = false
    this.#report({ ...this.#last, phase: 'ready', loadedBytes: this.#last.totalBytes })
  }

  close(): void {
    this.#own.onmessage = null
    this.#own.close()
  }
}
