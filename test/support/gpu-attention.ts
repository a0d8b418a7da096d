import type { GpuDevice } from '../../src/gpu/device'
import {
  attentionCombine,
  attentionDecode,
  attentionPrefill,
  decodeHeads,
  type PrefillTile,
  prefillTile,
  splitSize,
  visibleSplits,
} from '../../src/kernels/attention'
import { plainHeads } from '../../src/kernels/heads'
import { kvBits } from '../../src/kernels/kv-format'
import { blockSize } from '../../src/model/kv-cache'
import type { Variants } from '../../src/model/variants'
import type { KvFormat } from '../../src/util/kv-format'
import { biasBucket } from '../reference/attention_prefill'
import { KvCacheTwin } from '../reference/kv_cache'
import { runKernel } from './gpu'
import { gamma } from './gpu-compare'
import type { Random } from './gpu-random'

export interface HeadShape {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly kv: KvFormat
  /** As `headDim` where left out. */
  readonly valueDim?: number
  /** Values are the first elements of the keys. */
  readonly latent?: boolean
  /** Keys that a token sees with its own; on either side where attention is bidirectional; 0 or left out: all. */
  readonly window?: number
  readonly softcap?: number
  readonly sinks?: boolean
  readonly positionBias?: boolean
  readonly bidirectional?: boolean
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

const sinksAt = 3

/** A paged cache with some sequences in it, their blocks scattered, and queries. */
export class AttentionData {
  readonly cache: KvCacheTwin
  /** Block table of each sequence. */
  readonly tables: number[][] = []
  readonly q: Float32Array<ArrayBuffer>
  /** [sinks_at | heads | bias buckets, heads] */
  readonly constants: Float32Array<ArrayBuffer>

  constructor(
    random: Random,
    readonly shape: HeadShape,
    readonly contexts: readonly number[],
    readonly rows: number,
  ) {
    const { heads, kvHeads, headDim, kv, valueDim = headDim, latent = false } = shape
    const blockCounts = contexts.map((context) => Math.ceil(context / blockSize))
    const blocks = blockCounts.reduce((sum, count) => sum + count, 2)
    const order = random.permutation(blocks)
    for (const count of blockCounts) this.tables.push(order.splice(0, count))
    // What no sequence has written is large in every format, so that reading it shows: 3000 as f32, f16 and bfloat16.
    this.cache = new KvCacheTwin(
      kv,
      { blocks, kvHeads, headDim, blockSize, valueDim, latent },
      kv === 'f16' ? 0x69dc69dc : 0x453b8000,
    )
    contexts.forEach((context, sequence) => {
      for (let position = 0; position < context; position++) {
        const block = this.tables[sequence]![Math.floor(position / blockSize)]!
        for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
          for (const values of latent ? [false] : [false, true]) {
            // f16 subnormals, which a device may flush, are zero.
            const row = random
              .normals(values ? valueDim : headDim)
              .map((value) => (Math.abs(value) < 2 ** -14 ? 0 : value))
            this.cache.put(values, block, kvHead, position % blockSize, row)
          }
        }
      }
    })
    this.q = random.normals(rows * heads * headDim, 2 / Math.sqrt(headDim))
    this.constants = random.normals(sinksAt + heads * (1 + 32))
  }

  /** The first and the last position whose keys a token sees. */
  visible({ sequence, position }: QueryToken): [first: number, last: number] {
    const { window = 0, bidirectional } = this.shape
    const last = bidirectional ? this.contexts[sequence]! - 1 : position
    if (window === 0) return [0, last]
    const reach = bidirectional ? window : window - 1
    return [Math.max(0, position - reach), Math.min(last, position + window)]
  }

  /** What a score q · k becomes before the softmax. */
  scoreOf({ position }: QueryToken, head: number): (dot: number, key: number) => number {
    const { softcap, positionBias, heads } = this.shape
    const biasAt = sinksAt + heads + head
    return (dot, key) => {
      const score = dot + (positionBias ? this.constants[biasAt + biasBucket(key - position) * heads]! : 0)
      return softcap ? softcap * Math.tanh(score / softcap) : score
    }
  }

  sink(head: number): number | null {
    return this.shape.sinks ? this.constants[sinksAt + head]! : null
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

  /** The batch buffer: tiles of five words, then the block tables. */
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
      this.contexts[sequence]!,
    ])
    return { words: new Uint32Array([5, ...words, ...this.tables.flat()]), tablesAt: 1 + words.length }
  }
}

export interface Partials {
  /** f32 [tokens, heads, splits, 4 + head dim]: greatest, sum, two words of padding, output */
  readonly values: Float32Array<ArrayBuffer>
  readonly splits: number
}

const constantsOf = (shape: HeadShape) => ({
  ...plainHeads.constants,
  head_dim: shape.headDim,
  value_dim: shape.valueDim ?? shape.headDim,
  latent: shape.latent ? 1 : 0,
  heads: shape.heads,
  kv_heads: shape.kvHeads,
  block_size: blockSize,
  kv_bits: kvBits[shape.kv],
  split_size: splitSize,
  window: shape.window ?? 0,
  causal: shape.bidirectional ? 0 : 1,
})

const conditionsOf = (shape: HeadShape, subgroups: boolean) => ({
  subgroups,
  softcap: shape.softcap !== undefined,
  sinks: shape.sinks ?? false,
  position_bias: shape.positionBias ?? false,
})

const paramsOf = ({ shape, cache }: AttentionData) => ({
  ...plainHeads.params,
  tiles_at: 1,
  values_at: shape.latent ? 0 : cache.valuesAt,
  y_stride: outputStrideOf(shape) / 4,
  sinks_at: sinksAt,
  bias_at: sinksAt + shape.heads,
  cap: shape.softcap ?? 0,
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
  { attentionDecode: point }: Pick<Variants, 'attentionDecode'>,
  data: AttentionData,
  tokens: readonly QueryToken[],
): Promise<Partials> {
  const { shape } = data
  const tiles = tokens.map((token) => ({ ...token, count: 1 }))
  const splits = visibleSplits(Math.max(...data.contexts), shape.window ?? 0) + 1
  const { words, tablesAt } = data.batch(tiles)
  const { workgroup_size, most_heads, subgroups } = point
  const outputs = await runKernel(gpu, attentionDecode, {
    variant: {
      constants: {
        ...constantsOf(shape),
        workgroup_size,
        most_heads: decodeHeads(most_heads, shape.headDim, workgroup_size),
      },
      conditions: conditionsOf(shape, subgroups),
    },
    inputs: {
      q: data.q,
      cache: data.cache.words,
      batch: words,
      partials: new Float32Array(
        tiles.length * shape.heads * splits * (4 + (shape.valueDim ?? shape.headDim)),
      ).fill(9),
    },
    params: { ...paramsOf(data), tables_at: tablesAt, splits },
    shape: shapeOf(tiles),
  })
  return { values: outputs.floats('partials'), splits }
}

/** y [rows, heads · value dim + 4] after merging; rows of other tokens stay 7. */
export async function runCombine(
  gpu: GpuDevice,
  data: AttentionData,
  tokens: readonly QueryToken[],
  { values, splits }: Partials,
): Promise<Float32Array<ArrayBuffer>> {
  const tiles = tokens.map((token) => ({ ...token, count: 1 }))
  const outputs = await runKernel(gpu, attentionCombine, {
    variant: {
      constants: { ...constantsOf(data.shape), workgroup_size: 16 },
      conditions: conditionsOf(data.shape, false),
    },
    inputs: {
      partials: values,
      batch: data.batch(tiles).words,
      constants: data.constants,
      y: emptyOutput(data),
    },
    params: { ...paramsOf(data), splits },
    shape: shapeOf(tiles),
  })
  return outputs.floats('y')
}

/** The tile of a shape in at most so many lanes, of at most so many tokens. */
export function tileOf(
  { heads, kvHeads }: HeadShape,
  mostLanes: number,
  mostTokens?: number,
): PrefillTile & { readonly mostLanes: number } {
  return { ...prefillTile(heads / kvHeads, mostLanes, mostTokens), mostLanes }
}

export async function runPrefill(
  gpu: GpuDevice,
  tile: ReturnType<typeof tileOf>,
  data: AttentionData,
  tiles: readonly Tile[],
  subgroups = false,
): Promise<Float32Array<ArrayBuffer>> {
  const { shape } = data
  const { words, tablesAt } = data.batch(tiles)
  const outputs = await runKernel(gpu, attentionPrefill, {
    variant: {
      constants: { ...constantsOf(shape), workgroup_size: tile.lanes, most_heads: tile.mostLanes },
      conditions: conditionsOf(shape, subgroups),
    },
    inputs: {
      q: data.q,
      cache: data.cache.words,
      batch: words,
      constants: data.constants,
      y: emptyOutput(data),
    },
    params: { ...paramsOf(data), tables_at: tablesAt },
    shape: shapeOf(tiles),
  })
  return outputs.floats('y')
}

/** Values from one row of y to the next: one quad more than the heads have. */
export function outputStride({ shape }: AttentionData): number {
  return outputStrideOf(shape)
}

function outputStrideOf({ heads, headDim, valueDim = headDim }: HeadShape): number {
  return heads * valueDim + 4
}

function emptyOutput(data: AttentionData): Float32Array<ArrayBuffer> {
  return new Float32Array(data.rows * outputStride(data)).fill(7)
}

/**
 * The relative error of a key's weight exp(score − greatest): both scores carry that of their dot product, WGSL promises
 * e^x to 3 + 2|x| ulp, and the factors e^(old − new) with which later tiles and splits correct it have exponents that add
 * up to score − greatest at most; then as many additions as there are keys.
 *
 * @param added the absolute error of what is done to a score after the dot product
 */
export function weightError(
  query: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  scores: readonly number[],
  added = 0,
): (key: number) => number {
  const magnitudes = keys.map((key) => {
    let sum = 0
    for (let i = 0; i < key.length; i++) sum += Math.abs(key[i]! * query[i]!)
    return sum
  })
  const scoreError = gamma(query.length) * Math.max(...magnitudes) + added
  const greatest = Math.max(...scores)
  const corrections = Math.ceil(keys.length / blockSize) + 2 * Math.ceil(keys.length / splitSize)
  return (key) => {
    const range = greatest - scores[key]!
    return 2 * scoreError + gamma(2 * (3 * (1 + corrections) + 3 * range) + keys.length + corrections + 8)
  }
}
