import { type Endpoint, type Remote, wrap } from 'comlink'
import { OctavoError } from '../util/octavo-error'
import { asOctavoError, carryErrorsWhole } from '../worker/error-transfer'
import type { Service } from '../worker/protocol'

/** How long a worker may take to release what it holds before it is ended without. */
const farewellMs = 5000

/** The page's end of the line to a service; it knows when the line is cut, which Comlink does not. */
export class Connection {
  readonly #remote: Remote<Service>
  readonly #hangUp: () => void
  readonly #listeners = new Set<(error: OctavoError) => void>()
  #ended: OctavoError | null = null
  #closing: Promise<void> | null = null

  /** @param hangUp ends the other side: terminates the worker, closes the port. Called once. */
  constructor(endpoint: Endpoint, hangUp: () => void) {
    carryErrorsWhole()
    this.#remote = wrap<Service>(endpoint)
    this.#hangUp = hangUp
  }

  /** The call's result, or the error that cut the line while it was pending. */
  call<T>(start: (service: Remote<Service>) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = this.onEnd(reject)
      if (this.#ended) return
      start(this.#remote)
        .then(resolve, (error: unknown) => reject(asOctavoError(error)))
        .finally(stop)
    })
  }

  /** Calls without waiting; a failure is of no interest, since the call only tells the other side to stop. */
  notify(start: (service: Remote<Service>) => Promise<unknown>): void {
    if (!this.#ended) start(this.#remote).catch(() => {})
  }

  /** Calls `listener` once when the line is cut, at once where it is; gives the way to stop listening. */
  onEnd(listener: (error: OctavoError) => void): () => void {
    if (this.#ended) listener(this.#ended)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The other side is gone: every pending call and every later one fails with the error. */
  end(error: OctavoError): void {
    if (this.#ended) return
    this.#fail(error)
    this.#hangUp()
  }

  /** Fails what is pending, lets the other side release what it holds, and hangs up. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#ended ? Promise.resolve() : this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { promise: late, stop } = after(farewellMs)
    const released = this.#remote.unload().catch(() => {})
    this.#fail(
      new OctavoError('unloaded', 'The engine was unloaded.', 'Create a new engine with createEngine().'),
    )
    await Promise.race([released, late])
    stop()
    this.#hangUp()
  }

  #fail(error: OctavoError): void {
    this.#ended = error
    for (const listener of [...this.#listeners]) listener(error)
    this.#listeners.clear()
  }
}

function after(ms: number): { promise: Promise<void>; stop: () => void } {
  let timer: ReturnType<typeof setTimeout>
  const promise = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return { promise, stop: () => clearTimeout(timer) }
}
