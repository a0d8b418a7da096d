import { abortedError, type OctavoError } from '../util/octavo-error'

interface Losable {
  /** Whether the GPU has been taken away. */
  isLost(): Promise<boolean>
}

/** The runner that requests run on: none while the GPU is gone, and none any more once an error has ended all. */
export class CurrentRunner<Runner extends Losable> {
  #runner: Runner | null
  #ended: OctavoError | null = null
  /** Those who wait for a GPU, or for the end. */
  readonly #waiting = new Set<() => void>()

  constructor(runner: Runner) {
    this.#runner = runner
  }

  get runner(): Runner | null {
    return this.#runner
  }

  /** What ended all. */
  get ended(): OctavoError | null {
    return this.#ended
  }

  /** Whether requests wait for a GPU. */
  get recovering(): boolean {
    return this.#runner === null && this.#ended === null
  }

  /** The GPU is gone. */
  lose(): void {
    this.#runner = null
  }

  /** Another one is there. */
  replace(runner: Runner): void {
    this.#runner = runner
    this.#wake()
  }

  /** Nobody gets a runner from now on; the first error stays. */
  end(error: OctavoError): void {
    this.#ended ??= error
    this.#wake()
  }

  #wake(): void {
    for (const goOn of this.#waiting) goOn()
    this.#waiting.clear()
  }

  /**
   * The runner, as soon as there is one.
   *
   * @throws OctavoError 'aborted', or what ended all
   */
  async present(signal: AbortSignal): Promise<Runner> {
    for (;;) {
      if (this.#ended) throw this.#ended
      if (this.#runner) return this.#runner
      if (signal.aborted) throw abortedError('Waiting for a GPU', signal)
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** Whether something failed on `runner` since its GPU is gone. */
  async wasLost(runner: Runner): Promise<boolean> {
    return runner !== this.#runner || (await runner.isLost()) || runner !== this.#runner
  }
}
