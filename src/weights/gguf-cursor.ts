import { malformed, NeedMoreBytes } from './malformed'

/** Reads a file's beginning in order. Lengths are checked against the file before anything is made of them. */
export class Cursor {
  at = 0
  readonly #view: DataView
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  constructor(
    readonly bytes: Uint8Array,
    readonly fileBytes: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The place of the next `bytes` bytes, which are passed. `what` ends beyond the file where they would. */
  take(bytes: number | bigint, what: () => string): number {
    const { at } = this
    if (bytes > this.fileBytes - at)
      throw malformed(`${what()} ends beyond the file: it is cut short, or not a GGUF file.`)
    const end = at + Number(bytes)
    if (end > this.bytes.length) throw new NeedMoreBytes(end)
    this.at = end
    return at
  }

  u32(what: () => string): number {
    return this.#view.getUint32(this.take(4, what), true)
  }

  u64(what: () => string): bigint {
    return this.#view.getBigUint64(this.take(8, what), true)
  }

  text(what: () => string): string {
    const length = this.u64(what)
    const at = this.take(length, what)
    try {
      return this.#utf8.decode(this.bytes.subarray(at, at + Number(length)))
    } catch {
      throw malformed(`${what()} is not valid UTF-8.`)
    }
  }

  /** As `text`, but bytes that are not UTF-8 become U+FFFD: a vocabulary may hold parts of characters. */
  looseText(what: () => string): string {
    const length = Number(this.u64(what))
    const at = this.take(length, what)
    return looseUtf8.decode(this.bytes.subarray(at, at + length))
  }

  /** A copy, so that a value does not keep all bytes alive. */
  copy(at: number, bytes: number): ArrayBuffer {
    const copied = new Uint8Array(bytes)
    copied.set(this.bytes.subarray(at, at + bytes))
    return copied.buffer
  }

  get view(): DataView {
    return this.#view
  }
}

const looseUtf8 = new TextDecoder('utf-8', { ignoreBOM: true })
