import { OctavoError } from '../util/octavo-error'
import { attempts, backOff, bodyPieces, type RequestContext, throwIfAborted } from './request'

/**
 * A file from a server without Range requests: one stream that is read in order, and opened again from the start for
 * a place that it has passed or after it broke. Who waits for the earliest place is served first.
 */
export class OrderedStream {
  readonly #open: (context: RequestContext) => Promise<Response>
  #pieces: AsyncGenerator<Uint8Array<ArrayBuffer>> | null = null
  /** What has come and was not wanted yet; it begins at byte `#at` of the file. */
  #rest = new Uint8Array(0)
  #at = 0
  readonly #waiting: { readonly begin: number; readonly run: () => Promise<void> }[] = []
  #busy = false

  /** `open` asks for the whole file. */
  constructor(open: (context: RequestContext) => Promise<Response>) {
    this.#open = open
  }

  /** Fills `into` with the bytes from `begin` on; a file that ends at `fileBytes` must do so. */
  read(
    begin: number,
    into: Uint8Array<ArrayBuffer>,
    fileBytes: number,
    context: RequestContext,
    onBytes: (count: number) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = () => this.#read(begin, into, fileBytes, context, onBytes).then(resolve, reject)
      this.#waiting.push({ begin, run })
      this.#waiting.sort((a, b) => a.begin - b.begin)
      void this.#serve()
    })
  }

  /** Ends the connection; a later read opens another. */
  async close(): Promise<void> {
    const pieces = this.#pieces
    this.#pieces = null
    this.#rest = new Uint8Array(0)
    await pieces?.return(undefined).catch(() => undefined)
  }

  async #serve(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    for (let turn = this.#waiting.shift(); turn; turn = this.#waiting.shift()) await turn.run()
    this.#busy = false
  }

  async #read(
    begin: number,
    into: Uint8Array<ArrayBuffer>,
    fileBytes: number,
    context: RequestContext,
    onBytes: (count: number) => void,
  ): Promise<void> {
    let filled = 0
    for (let failures = 0; filled < into.length; ) {
      const reached = filled
      try {
        throwIfAborted(context.signal)
        if (!this.#pieces || this.#at > begin + filled) await this.#reopen(context)
        while (filled < into.length) {
          const part = await this.#take(begin + filled, into.length - filled)
          into.set(part, filled)
          filled += part.length
          onBytes(filled)
        }
        if (begin + filled === fileBytes) await this.#expectEnd()
      } catch (cause) {
        await this.close()
        throwIfAborted(context.signal)
        if (cause instanceof OctavoError) throw cause
        failures = filled > reached ? 1 : failures + 1
        if (failures === attempts) throw cause
        await backOff(failures, null, context)
      }
    }
  }

  async #reopen(context: RequestContext): Promise<void> {
    await this.close()
    this.#at = 0
    this.#pieces = bodyPieces(await this.#open(context), context)
  }

  /** Some of the `most` bytes from `begin` on; what lies before is let go. */
  async #take(begin: number, most: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#at + this.#rest.length <= begin) {
      this.#at += this.#rest.length
      const next = await this.#pieces!.next()
      if (next.done) throw new Error(`the stream ended at byte ${this.#at}`)
      this.#rest = next.value
    }
    const skipped = begin - this.#at
    const part = this.#rest.subarray(skipped, skipped + most)
    this.#rest = this.#rest.subarray(skipped + part.length)
    this.#at = begin + part.length
    return part
  }

  async #expectEnd(): Promise<void> {
    const more = this.#rest.length > 0 || !(await this.#pieces!.next()).done
    await this.close()
    if (!more) return
    throw new OctavoError(
      'network',
      'The server sent more bytes than the file has.',
      'Load the model again; if it happens again, check the address.',
    )
  }
}
