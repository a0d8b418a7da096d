/** A value with its GGUF type. */
type Value =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly floats: readonly number[] }

export interface FileParts {
  readonly metadata: Readonly<Record<string, Value>>
  /** F32 tensors: name and number of weights, in the order of their data. */
  readonly tensors: Readonly<Record<string, number>>
  /** Makes other weights. */
  readonly seed?: number
}

const alignment = 32

/** A GGUF file (version 3) of F32 tensors with noise in them. */
export function ggufFile({ metadata, tensors, seed = 1 }: FileParts): Uint8Array<ArrayBuffer> {
  const writer = new Writer()
  writer.bytes(new TextEncoder().encode('GGUF'))
  writer.u32(3)
  writer.u64(Object.keys(tensors).length)
  writer.u64(Object.keys(metadata).length)
  for (const [key, value] of Object.entries(metadata)) {
    writer.text(key)
    writer.value(value)
  }
  let offset = 0
  for (const [name, weights] of Object.entries(tensors)) {
    writer.text(name)
    writer.u32(1)
    writer.u64(weights)
    writer.u32(0)
    writer.u64(offset)
    offset += Math.ceil((weights * 4) / alignment) * alignment
  }
  writer.pad(alignment)
  const noise = new Uint32Array(offset / 4)
  let state = seed
  for (let i = 0; i < noise.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    noise[i] = state
  }
  writer.bytes(new Uint8Array(noise.buffer))
  return writer.done()
}

class Writer {
  #buffer = new Uint8Array(1 << 16)
  #view = new DataView(this.#buffer.buffer)
  #at = 0
  readonly #encoder = new TextEncoder()

  done(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#at)
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#take(bytes.length)
    this.#buffer.set(bytes, at)
  }

  u32(value: number): void {
    const at = this.#take(4)
    this.#view.setUint32(at, value, true)
  }

  u64(value: number): void {
    const at = this.#take(8)
    this.#view.setBigUint64(at, BigInt(value), true)
  }

  f32(value: number): void {
    const at = this.#take(4)
    this.#view.setFloat32(at, value, true)
  }

  text(text: string): void {
    const bytes = this.#encoder.encode(text)
    this.u64(bytes.length)
    this.bytes(bytes)
  }

  value(value: Value): void {
    if ('u32' in value) {
      this.u32(4)
      this.u32(value.u32)
    } else if ('f32' in value) {
      this.u32(6)
      this.f32(value.f32)
    } else if ('text' in value) {
      this.u32(8)
      this.text(value.text)
    } else {
      this.u32(9)
      if ('texts' in value) {
        this.u32(8)
        this.u64(value.texts.length)
        for (const text of value.texts) this.text(text)
      } else {
        this.u32(6)
        this.u64(value.floats.length)
        for (const number of value.floats) this.f32(number)
      }
    }
  }

  pad(multiple: number): void {
    this.#take(Math.ceil(this.#at / multiple) * multiple - this.#at)
  }

  #take(bytes: number): number {
    const at = this.#at
    this.#at += bytes
    if (this.#at > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#at))
      grown.set(this.#buffer)
      this.#buffer = grown
      this.#view = new DataView(grown.buffer)
    }
    return at
  }
}
