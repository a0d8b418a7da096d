import { describe, inject, it } from 'vitest'
import { software } from '../../../src/model/variants'
import { attention } from '../../reference/attention_prefill'
import { distinctPoints, isQuick, openTestGpu } from '../../support/gpu'
import {
  AttentionData,
  type HeadShape,
  outputStride,
  type QueryToken,
  runCombine,
  runDecode,
  runPrefill,
  type Tile,
  tileOf,
  weightError,
} from '../../support/gpu-attention'
import { expectClose, expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

/** What some family of models asks of attention, with heads to try it on. */
interface Case extends HeadShape {
  readonly like: string
}

const cases: readonly Case[] = [
  { like: 'a window of one key', heads: 2, kvHeads: 2, headDim: 32, kv: 'f16', window: 1 },
  { like: 'gemma 2', heads: 6, kvHeads: 2, headDim: 32, kv: 'f32', window: 16, softcap: 3 },
  { like: 'gpt-oss', heads: 8, kvHeads: 1, headDim: 32, kv: 'f16', window: 64, sinks: true },
  { like: 'deepseek', heads: 5, kvHeads: 1, headDim: 48, valueDim: 32, latent: true, kv: 'int8' },
  { like: 'mpnet', heads: 2, kvHeads: 2, headDim: 32, kv: 'f32', bidirectional: true, positionBias: true },
  { like: 'modernbert', heads: 2, kvHeads: 2, headDim: 64, kv: 'f16', bidirectional: true, window: 8 },
]

/** What a pipeline takes lavapipe a minute to compile for, and combinations. */
const largeCases: readonly Case[] = [
  { like: 'a window longer than the context', heads: 7, kvHeads: 1, headDim: 64, kv: 'int4', window: 1000 },
  {
    like: 'a window over three splits',
    heads: 3,
    kvHeads: 1,
    headDim: 80,
    kv: 'int8',
    window: 100,
    sinks: true,
  },
  { like: 'a cap without a window', heads: 1, kvHeads: 1, headDim: 256, kv: 'f16', softcap: 30 },
  { like: 'sinks without a window', heads: 4, kvHeads: 2, headDim: 128, kv: 'f32', sinks: true },
  { like: 'narrow values', heads: 6, kvHeads: 2, headDim: 96, valueDim: 64, kv: 'int4' },
  {
    like: 'latent nibbles',
    heads: 3,
    kvHeads: 1,
    headDim: 48,
    valueDim: 32,
    latent: true,
    kv: 'int4',
    window: 33,
  },
  { like: 'deepseek v3', heads: 18, kvHeads: 1, headDim: 576, valueDim: 512, latent: true, kv: 'f16' },
  { like: '130 heads of one key', heads: 130, kvHeads: 1, headDim: 32, kv: 'f32', window: 20 },
  { like: 'bert', heads: 2, kvHeads: 2, headDim: 32, kv: 'f32', bidirectional: true },
  { like: 'embeddinggemma', heads: 3, kvHeads: 1, headDim: 64, kv: 'f32', bidirectional: true, window: 70 },
]

/** Over borders of blocks and splits, with the beginning of a context, and with many keys before it. */
const chunks = [
  { start: 0, count: 33 },
  { start: 121, count: 11 },
  { start: 190, count: 2 },
]
/** Keys that come behind a chunk. */
const behind = 40

const tokens: readonly QueryToken[] = chunks.flatMap(({ start, count }, sequence) => {
  const row = chunks.slice(0, sequence).reduce((sum, chunk) => sum + chunk.count, 0)
  return Array.from({ length: count }, (_, i) => ({ sequence, position: start + i, row: row + i }))
})

/** The chunks cut into tiles of at most `most` tokens. */
function tilesOf(most: number): Tile[] {
  return chunks.flatMap(({ count }, sequence) => {
    const own = tokens.filter((token) => token.sequence === sequence)
    return Array.from({ length: Math.ceil(count / most) }, (_, i) => ({
      ...own[i * most]!,
      count: Math.min(most, count - i * most),
    }))
  })
}

/** y of all rows, and how far from it a kernel may be. */
function expectedOf(data: AttentionData) {
  const { heads, headDim, valueDim = headDim, softcap = 0 } = data.shape
  const stride = outputStride(data)
  const expected = new Float64Array(data.rows * stride).fill(7)
  const tolerance = new Float64Array(expected.length)
  for (const token of tokens) {
    const { sequence, row } = token
    const [first, last] = data.visible(token)
    for (let head = 0; head < heads; head++) {
      const query = data.query(row, head)
      const keys = data.keys(sequence, head, first, last)
      const values = data.keys(sequence, head, first, last, true)
      const scoreOf = data.scoreOf(token, head)
      const ofPlace = (score: number, key: number) => scoreOf(score, first + key)
      const { output, scores, weights } = attention(query, keys, values, ofPlace, data.sink(head))
      // Of the cap: an exponential and a quotient. Of a bias: a sum.
      const error = weightError(query, keys, scores, (softcap + 4) * 2 ** -21)
      const own = weights.reduce((sum, weight, k) => sum + weight * error(k), 0)
      for (let d = 0; d < valueDim; d++) {
        const at = row * stride + head * valueDim + d
        expected[at] = output[d]!
        const shares = weights.reduce(
          (sum, weight, k) => sum + weight * error(k) * Math.abs(values[k]![d]!),
          0,
        )
        // A sink adds one more to what is merged.
        tolerance[at] = 1.5 * (shares + (own + 2 ** -21) * Math.abs(output[d]!))
      }
    }
  }
  return { expected, tolerance }
}

const bits = (values: Float32Array<ArrayBuffer>) => new Uint32Array(values.buffer)

/** Every second of the large ones, all in long runs. */
const large = isQuick(gpu) ? [] : largeCases.filter((_, i) => inject('long') || i % 2 === 0)

describe.each([...cases, ...large])('attention like $like', (shape) => {
  it('gives what its definition says, and the same bits by all kernels', async () => {
    const contexts = chunks.map(({ start, count }) => start + count + behind)
    const data = new AttentionData(new Random(shape.headDim + shape.heads), shape, contexts, tokens.length)
    const { expected, tolerance } = expectedOf(data)
    let first: Float32Array<ArrayBuffer> | null = null
    const check = (what: string, got: Float32Array<ArrayBuffer>) => {
      const label = `${what}, ${JSON.stringify(shape)}`
      expectClose(label, got, expected, (i) => tolerance[i]!)
      first ??= got
      expectSame(label, bits(got), bits(first))
    }
    // lavapipe takes seconds for a pipeline; attention_decode and attention_prefill are tested in all variants there.
    // Each variant is a minute of compiling on the one adapter, seconds on the other: all of them in long runs.
    const one = isQuick(gpu) || (largeCases.includes(shape) && !inject('long'))
    // The last that has an attention of its own.
    for (const variants of distinctPoints(gpu, ['attentionDecode', 'attentionPrefill']).slice(one ? -1 : 0)) {
      const tile = tileOf(shape, variants.attentionPrefill.most_lanes)
      if (!shape.bidirectional) {
        const partials = await runDecode(gpu, variants, data, tokens)
        check(`decode, ${variants.name}`, await runCombine(gpu, data, tokens, partials))
      }
      const got = await runPrefill(gpu, tile, data, tilesOf(tile.tokens), variants.attentionPrefill.subgroups)
      check(`prefill, ${variants.name}`, got)
    }
    const few = tileOf(shape, software.attentionPrefill.most_lanes, 3)
    check('prefill, tiles of few tokens', await runPrefill(gpu, few, data, tilesOf(few.tokens)))
  })
})
