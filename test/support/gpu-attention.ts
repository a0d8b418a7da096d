import type { GpuDevice } from '../../src/gpu/device'
import {
  attentionCombine,
  attentionDecode,
  attentionPrefill,
  prefillTileLanes,
  splitSize,
} from '../../src/kernels/attention'
import { kvBits } from '../../src/kernels/kv-format'
import { blockSize } from '../../src/model/kv-cache'
import type { Variants } from '../../src/model/variants'
import type { KvFormat } from '../../src/util/kv-format'
import { KvCacheTwin } from '../reference/kv_cache'
import { runKernel } from './gpu'
import { gamma } from './gpu-compare'
import type { Random } from './gpu-random'

export interface HeadShape {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly kv: KvFormat
}

/** One query token: its sequence, its position there, and its row in q. */
export interface QueryToken {
  readonly sequence: number
  readonly position: number
  readonly row: number
}

/** Consecutive tokens of one sequence in consecutive rows. */
export interface Tile extends QueryToken {
  readonly count: number
}

/** A paged cache with some sequences in it, their blocks scattered, and queries. */
export class AttentionData {
  readonly cache: KvCacheTwin
  /** Block table of each sequence. */
  readonly tables: number[][] = []
  readonly q: Float32Array<ArrayBuffer>

  constructor(
    random: Random,
    readonly shape: HeadShape,
    readonly contexts: readonly number[],
    readonly rows: number,
  ) {
    const { heads, kvHeads, headDim, kv } = shape
    const blockCounts = contexts.map((context) => Math.ceil(context / blockSize))
    const blocks = blockCounts.reduce((sum, count) => sum + count, 2)
    const order = random.permutation(blocks)
    for (const count of blockCounts) this.tables.push(order.splice(0, count))
    // What no sequence has written is large in every format, so that reading it shows: 3000 as f32, f16 and bfloat16.
    this.cache = new KvCacheTwin(
      kv,
      { blocks, kvHeads, headDim, blockSize },
      kv === 'f16' ? 0x69dc69dc : 0x453b8000,
    )
    contexts.forEach((context, sequence) => {
      for (let position = 0; position < context; position++) {
        const block = this.tables[sequence]![Math.floor(position / blockSize)]!
        for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
          for (const values of [false, true]) {
            // f16 subnormals, which a device may flush, are zero.
            const row = random.normals(headDim).map((value) => (Math.abs(value) < 2 ** -14 ? 0 : value))
            this.cache.put(values, block, kvHead, position % blockSize, row)
          }
        }
      }
    })
    this.q = random.normals(rows * heads * headDim, 2 / Math.sqrt(headDim))
  }

  query(row: number, head: number): Float32Array {
    const { heads, headDim } = this.shape
    return this.q.subarray((row * heads + head) * headDim, (row * heads + head + 1) * headDim)
  }

  /** Keys (or values) of positions first … last that query head `head` reads. */
  keys(sequence: number, head: number, first: number, last: number, values = false): Float64Array[] {
    const { heads, kvHeads } = this.shape
    const kvHead = Math.floor(head / (heads / kvHeads))
    return Array.from({ length: last - first + 1 }, (_, i) => {
      const block = this.tables[sequence]![Math.floor((first + i) / blockSize)]!
      return this.cache.get(values, block, kvHead, (first + i) % blockSize)
    })
  }

  /** The batch buffer: tiles of four words, then the block tables. */
  batch(tiles: readonly Tile[]): { words: Uint32Array<ArrayBuffer>; tablesAt: number } {
    const starts: number[] = []
    let next = 0
    for (const table of this.tables) {
      starts.push(next)
      next += table.length
    }
    const words = tiles.flatMap(({ row, count, position, sequence }) => [
      row,
      count,
      position,
      starts[sequence]!,
    ])
    return { words: new Uint32Array([5, ...words, ...this.tables.flat()]), tablesAt: 1 + words.length }
  }
}

export interface Partials {
  /** f32 [tokens, heads, splits, 4 + head dim]: greatest, sum, two words of padding, output */
  readonly values: Float32Array<ArrayBuffer>
  readonly splits: number
}

const head = ({ heads, kvHeads, headDim, kv }: HeadShape) => ({
  head_dim: headDim,
  heads,
  kv_heads: kvHeads,
  block_size: blockSize,
  kv_bits: kvBits[kv],
})

function shapeOf(tiles: readonly Tile[]) {
  const contexts = tiles.map(({ position, count }) => position + count)
  return {
    tiles: tiles.length,
    tokens: tiles.reduce((sum, { count }) => sum + count, 0),
    maxContext: Math.max(...contexts),
    contextTokens: contexts.reduce((sum, context) => sum + context, 0),
  }
}

export async function runDecode(
  gpu: GpuDevice,
  variants: Pick<Variants, 'attentionLanes' | 'attentionHeads' | 'subgroups'>,
  data: AttentionData,
  tokens: readonly QueryToken[],
): Promise<Partials> {
  const { shape } = data
  const tiles = tokens.map((token) => ({ ...token, count: 1 }))
  const splits = Math.ceil(Math.max(...data.contexts) / splitSize) + 1
  const { words, tablesAt } = data.batch(tiles)
  const outputs = await runKernel(gpu, attentionDecode, {
    variant: {
      constants: {
        ...head(shape),
        workgroup_size: variants.attentionLanes,
        split_size: splitSize,
        most_heads: variants.attentionHeads,
      },
      conditions: { subgroups: variants.subgroups },
    },
    inputs: {
      q: data.q,
      cache: data.cache.words,
      batch: words,
      partials: new Float32Array(tiles.length * shape.heads * splits * (4 + shape.headDim)).fill(9),
    },
    params: { tiles_at: 1, tables_at: tablesAt, values_at: data.cache.valuesAt, splits },
    shape: shapeOf(tiles),
  })
  return { values: outputs.floats('partials'), splits }
}

/** y [rows, heads · head dim + 4] after merging; rows of other tokens stay 7. */
export async function runCombine(
  gpu: GpuDevice,
  data: AttentionData,
  tokens: readonly QueryToken[],
  { values, splits }: Partials,
): Promise<Float32Array<ArrayBuffer>> {
  const { heads, headDim } = data.shape
  const tiles = tokens.map((token) => ({ ...token, count: 1 }))
  const outputs = await runKernel(gpu, attentionCombine, {
    variant: { constants: { workgroup_size: 16, head_dim: headDim, heads, split_size: splitSize } },
    inputs: { partials: values, batch: data.batch(tiles).words, y: emptyOutput(data) },
    params: { tiles_at: 1, splits, y_stride: outputStride(data) / 4 },
    shape: shapeOf(tiles),
  })
  return outputs.floats('y')
}

export async function runPrefill(
  gpu: GpuDevice,
  tileTokens: number,
  data: AttentionData,
  tiles: readonly Tile[],
  subgroups = false,
): Promise<Float32Array<ArrayBuffer>> {
  const { shape } = data
  const { words, tablesAt } = data.batch(tiles)
  const outputs = await runKernel(gpu, attentionPrefill, {
    variant: {
      constants: {
        ...head(shape),
        workgroup_size: prefillTileLanes(tileTokens, shape.heads / shape.kvHeads),
        split_size: splitSize,
      },
      conditions: { subgroups },
    },
    inputs: { q: data.q, cache: data.cache.words, batch: words, y: emptyOutput(data) },
    params: {
      tiles_at: 1,
      tables_at: tablesAt,
      values_at: data.cache.valuesAt,
      y_stride: outputStride(data) / 4,
    },
    shape: shapeOf(tiles),
  })
  return outputs.floats('y')
}

/** Values from one row of y to the next: one quad more than the heads have. */
export function outputStride({ shape }: AttentionData): number {
  return shape.heads * shape.headDim + 4
}

function emptyOutput(data: AttentionData): Float32Array<ArrayBuffer> {
  return new Float32Array(data.rows * outputStride(data)).fill(7)
}

/**
 * The relative error of a key's weight exp(score − greatest): both scores carry that of their dot product, WGSL promises
 * e^x to 3 + 2|x| ulp, and the factors e^(old − new) with which later tiles and splits correct it have exponents that add
 * up to score − greatest at most; then as many additions as there are keys.
 */
export function weightError(
  query: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  scores: readonly number[],
): (key: number) => number {
  const magnitudes = keys.map((key) => {
    let sum = 0
    for (let i = 0; i < key.length; i++) sum += Math.abs(key[i]! * query[i]!)
    return sum
  })
  const scoreError = gamma(query.length) * Math.max(...magnitudes)
  const greatest = Math.max(...scores)
  const corrections = Math.ceil(keys.length / blockSize) + 2 * Math.ceil(keys.length / splitSize)
  return (key) => {
    const range = greatest - scores[key]!
    return 2 * scoreError + gamma(2 * (3 * (1 + corrections) + 3 * range) + keys.length + corrections + 8)
  }
}
