import type { RandomTensor } from './tiny-model-tensors.ts'

export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly text: string }
  | { readonly bool: boolean }
  | { readonly texts: readonly string[] }
  | { readonly ints: readonly number[] }

const alignment = 32

/** A GGUF file, version 3, of the metadata and the tensors, which lie in it in the order of the map. */
export function writeGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: ReadonlyMap<string, RandomTensor>,
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter()
  writer.u32(0x46554747)
  writer.u32(3)
  writer.u64(tensors.size)
  writer.u64(metadata.size)
  for (const [key, value] of metadata) {
    writer.text(key)
    writer.value(value)
  }
  let offset = 0
  for (const [name, tensor] of tensors) {
    writer.text(name)
    writer.u32(tensor.dims.length)
    for (const dim of tensor.dims) writer.u64(dim)
    writer.u32(tensor.type)
    writer.u64(offset)
    offset = aligned(offset + tensor.bytes.length)
  }
  for (const { bytes } of tensors.values()) {
    writer.align()
    writer.bytes(bytes)
  }
  return writer.finish()
}

function aligned(offset: number): number {
  return Math.ceil(offset / alignment) * alignment
}

class ByteWriter {
  #parts: Uint8Array[] = []
  #length = 0

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
  }

  #number(size: number, put: (view: DataView) => void): void {
    const view = new DataView(new ArrayBuffer(size))
    put(view)
    this.bytes(new Uint8Array(view.buffer))
  }

  u32(value: number): void {
    this.#number(4, (view) => view.setUint32(0, value, true))
  }

  u64(value: number): void {
    this.#number(8, (view) => view.setBigUint64(0, BigInt(value), true))
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value)
    this.u64(bytes.length)
    this.bytes(bytes)
  }

  /** The value's type id and the value (ggml's docs/gguf.md). */
  value(value: GgufValue): void {
    if ('u32' in value) {
      this.u32(4)
      this.u32(value.u32)
    } else if ('f32' in value) {
      this.u32(6)
      this.#number(4, (view) => view.setFloat32(0, value.f32, true))
    } else if ('bool' in value) {
      this.u32(7)
      this.bytes(Uint8Array.of(value.bool ? 1 : 0))
    } else if ('text' in value) {
      this.u32(8)
      this.text(value.text)
    } else if ('texts' in value) {
      this.u32(9)
      this.u32(8)
      this.u64(value.texts.length)
      for (const text of value.texts) this.text(text)
    } else {
      this.u32(9)
      this.u32(5)
      this.u64(value.ints.length)
      for (const int of value.ints) this.#number(4, (view) => view.setInt32(0, int, true))
    }
  }

  align(): void {
    this.bytes(new Uint8Array(aligned(this.#length) - this.#length))
  }

  finish(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }
}
