import type { KvFormat } from '../../src/util/kv-format'
import { decodeHalf, encodeHalf } from './half'

/** A token's elements of one head: x ≈ minimum + scale · level. Scale and minimum are bfloat16. */
export interface QuantizedRow {
  readonly scale: number
  readonly minimum: number
  readonly levels: readonly number[]
}

/** Levels 0 … 2^bits − 1 that reach over all of a row's elements. */
export function quantizeRow(row: ArrayLike<number>, bits: 4 | 8): QuantizedRow {
  const values = Array.from(row, bounded)
  const most = 2 ** bits - 1
  const minimum = bfloatNotAbove(Math.min(...values))
  const scale = -bfloatNotAbove(-(Math.max(...values) - minimum) / most)
  const levels = values.map((value) =>
    Math.min(most, scale === 0 ? 0 : Math.round((value - minimum) / scale)),
  )
  return { scale, minimum, levels }
}

/** What a cache that is not f32 keeps of a value. */
export function bounded(value: number): number {
  return Math.max(-65504, Math.min(65504, value))
}

/** The greatest bfloat16 that is not above a value: eight bits of significand, and the exponents of f32. */
function bfloatNotAbove(value: number): number {
  if (value === 0) return 0
  const step = 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(value)))) - 7)
  return Math.floor(value / step) * step
}

const levelBits = { int8: 8, int4: 4 } as const

export interface CacheShape {
  readonly blocks: number
  readonly kvHeads: number
  readonly headDim: number
  readonly blockSize: number
  /** As `headDim` where left out. */
  readonly valueDim?: number
  readonly latent?: boolean
}

/**
 * A layer's KV cache in memory: regions [2, blocks, kv heads], K's first. A region has K as [quads of the head, block
 * size, 4] or V as [block size, quads of the value, 4], then, where it is quantized, a word for each token: the scale's
 * bfloat16 in the low half, the minimum's in the high one. Two quads of int4 that follow one another in the head share a
 * word. A latent cache has no V: a value is the first elements of its key.
 */
export class KvCacheTwin {
  readonly words: Uint32Array<ArrayBuffer>
  /** Words before V. */
  readonly valuesAt: number
  readonly #view: DataView
  readonly #keyBytes: number
  readonly #valueBytes: number
  readonly #elementBits: number

  constructor(
    readonly format: KvFormat,
    readonly shape: CacheShape,
    fill = 0,
  ) {
    const { blocks, kvHeads, headDim, blockSize, valueDim = headDim } = shape
    this.#elementBits = { f32: 32, f16: 16, ...levelBits }[format]
    const scales = format === 'int8' || format === 'int4' ? 4 * blockSize : 0
    this.#keyBytes = (blockSize * headDim * this.#elementBits) / 8 + scales
    this.#valueBytes = (blockSize * valueDim * this.#elementBits) / 8 + scales
    this.valuesAt = (blocks * kvHeads * this.#keyBytes) / 4
    const valueWords = shape.latent ? 0 : (blocks * kvHeads * this.#valueBytes) / 4
    this.words = new Uint32Array(this.valuesAt + valueWords).fill(fill)
    this.#view = new DataView(this.words.buffer)
  }

  #region(values: boolean, block: number, kvHead: number): number {
    const region = block * this.shape.kvHeads + kvHead
    return values ? 4 * this.valuesAt + region * this.#valueBytes : region * this.#keyBytes
  }

  /** Bit of element i of a token's row, from its region's first on. */
  #bit(values: boolean, key: number, i: number): number {
    const { headDim, blockSize, valueDim = headDim } = this.shape
    const quad = Math.floor(i / 4)
    if (values) return (key * valueDim + i) * this.#elementBits
    if (this.format === 'int4') {
      return ((Math.floor(quad / 2) * blockSize + key) * 8 + (quad % 2) * 4 + (i % 4)) * 4
    }
    return ((quad * blockSize + key) * 4 + (i % 4)) * this.#elementBits
  }

  #scaleAt(values: boolean, region: number, key: number): number {
    return region + (values ? this.#valueBytes : this.#keyBytes) - 4 * (this.shape.blockSize - key)
  }

  /** Stores a token's row, as the format holds it. */
  put(values: boolean, block: number, kvHead: number, key: number, row: ArrayLike<number>): void {
    const region = this.#region(values, block, kvHead)
    const { format } = this
    const quantized = format === 'int8' || format === 'int4' ? quantizeRow(row, levelBits[format]) : null
    if (quantized) {
      this.#view.setUint16(this.#scaleAt(values, region, key), bfloatBits(quantized.scale), true)
      this.#view.setUint16(this.#scaleAt(values, region, key) + 2, bfloatBits(quantized.minimum), true)
    }
    for (let i = 0; i < row.length; i++) {
      const bit = this.#bit(values, key, i)
      const at = region + Math.floor(bit / 8)
      if (format === 'f32') this.#view.setFloat32(at, row[i]!, true)
      else if (format === 'f16') this.#view.setUint16(at, encodeHalf(bounded(row[i]!)), true)
      else {
        const kept = this.#view.getUint8(at) & ~((2 ** levelBits[format] - 1) << (bit % 8))
        this.#view.setUint8(at, kept | (quantized!.levels[i]! << (bit % 8)))
      }
    }
  }

  /** A token's row as an attention kernel reads it. */
  get(values: boolean, block: number, kvHead: number, key: number): Float64Array {
    const { headDim, valueDim = headDim, latent } = this.shape
    if (latent && values) return this.get(false, block, kvHead, key).subarray(0, valueDim)
    const region = this.#region(values, block, kvHead)
    const { format } = this
    const word = this.#view.getUint32(this.#scaleAt(values, region, key), true)
    return Float64Array.from({ length: values ? valueDim : headDim }, (_, i) => {
      const bit = this.#bit(values, key, i)
      const at = region + Math.floor(bit / 8)
      if (format === 'f32') return this.#view.getFloat32(at, true)
      if (format === 'f16') return decodeHalf(this.#view.getUint16(at, true))
      const level = (this.#view.getUint8(at) >> (bit % 8)) & (2 ** levelBits[format] - 1)
      return Math.fround(fromBits(word & 0xffff0000) + fromBits(word << 16) * level)
    })
  }
}

function bfloatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16
}

function fromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits >>> 0).buffer)[0]!
}
