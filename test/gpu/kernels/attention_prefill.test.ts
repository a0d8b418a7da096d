import { describe, it } from 'vitest'
import { software } from '../../../src/model/variants'
import { attention } from '../../reference/attention_prefill'
import { distinctPoints, isQuick, openTestGpu, testCandidates } from '../../support/gpu'
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

/** Each is a pipeline of its own, and what is large compiles for a minute on lavapipe. */
const headShapes: readonly HeadShape[] = [
  { heads: 2, kvHeads: 2, headDim: 80, kv: 'f32' },
  { heads: 6, kvHeads: 2, headDim: 64, kv: 'f16' },
  { heads: 6, kvHeads: 2, headDim: 64, kv: 'int4' },
  { heads: 3, kvHeads: 1, headDim: 80, kv: 'int8' },
  ...(isQuick(gpu) ? [] : ([{ heads: 7, kvHeads: 1, headDim: 96, kv: 'f16' }] satisfies HeadShape[])),
]

/** Chunks of prompts: from the start over two blocks, over the border of a split, two tokens over that of a block. */
const chunks = [
  { start: 0, count: 40 },
  { start: 121, count: 11 },
  { start: 31, count: 2 },
  { start: 255, count: 3 },
]

function queryTokens(): QueryToken[] {
  let row = 0
  return chunks.flatMap(({ start, count }, sequence) =>
    Array.from({ length: count }, (_, i) => ({ sequence, position: start + i, row: row++ })),
  )
}

/** The chunks cut into tiles of at most `tileTokens`. */
function tilesOf(tileTokens: number): Tile[] {
  let row = 0
  return chunks.flatMap(({ start, count }, sequence) => {
    const tiles: Tile[] = []
    for (let done = 0; done < count; done += tileTokens) {
      const size = Math.min(tileTokens, count - done)
      tiles.push({ sequence, position: start + done, row: row + done, count: size })
    }
    row += count
    return tiles
  })
}

function attentionData(shape: HeadShape): AttentionData {
  const tokens = queryTokens()
  return new AttentionData(
    new Random(shape.headDim),
    shape,
    chunks.map(({ start, count }) => start + count),
    tokens.length,
  )
}

const points = testCandidates(gpu, 'attentionPrefill')

describe.each(headShapes)('prefill attention, %o', (shape) => {
  const { heads, headDim } = shape
  const label = `attention_prefill ${JSON.stringify(shape)}`
  const tileSizes = points.map(({ most_lanes }) => tileOf(shape, most_lanes))

  it('lets each token see the keys up to its own', async () => {
    const data = attentionData(shape)
    const stride = outputStride(data)
    const expected = new Float64Array(data.rows * stride).fill(7)
    const tolerance = new Float64Array(expected.length)
    for (const { sequence, position, row } of queryTokens()) {
      for (let head = 0; head < heads; head++) {
        const query = data.query(row, head)
        const keys = data.keys(sequence, head, 0, position)
        const values = data.keys(sequence, head, 0, position, true)
        const { output, scores, weights } = attention(query, keys, values)
        const error = weightError(query, keys, scores)
        const own = weights.reduce((sum, weight, k) => sum + weight * error(k), 0)
        for (let d = 0; d < headDim; d++) {
          const at = row * stride + head * headDim + d
          expected[at] = output[d]!
          const shares = weights.reduce(
            (sum, weight, k) => sum + weight * error(k) * Math.abs(values[k]![d]!),
            0,
          )
          tolerance[at] = 1.01 * (shares + (own + 2 ** -22) * Math.abs(output[d]!))
        }
      }
    }
    for (const [i, tile] of tileSizes.entries()) {
      const { subgroups } = points[i]!
      const got = await runPrefill(gpu, tile, data, tilesOf(tile.tokens), subgroups)
      expectClose(`${label}, tiles of ${tile.tokens}`, got, expected, (i) => tolerance[i]!)
    }
  })

  it('has the bits of decode attention, however the prompt is cut into tiles', async () => {
    const data = attentionData(shape)
    const tokens = queryTokens()
    const bits = (values: Float32Array<ArrayBuffer>) => new Uint32Array(values.buffer)
    const decoded: Float32Array<ArrayBuffer>[] = []
    for (const variants of distinctPoints(gpu, ['attentionPrefill'])) {
      decoded.push(await runCombine(gpu, data, tokens, await runDecode(gpu, variants, data, tokens)))
      expectSame(`${label}: decode, ${variants.name}`, bits(decoded.at(-1)!), bits(decoded[0]!))
    }
    for (const subgroups of new Set(points.map((point) => point.subgroups))) {
      const few = (isQuick(gpu) ? [3] : [1, 3]).map((tokens) =>
        tileOf(shape, software.attentionPrefill.most_lanes, tokens),
      )
      for (const tile of new Map([...few, ...tileSizes].map((tile) => [tile.tokens, tile])).values()) {
        const got = await runPrefill(gpu, tile, data, tilesOf(tile.tokens), subgroups)
        expectSame(`${label}: tiles of ${tile.tokens}, subgroups ${subgroups}`, bits(got), bits(decoded[0]!))
      }
    }
  })
})
