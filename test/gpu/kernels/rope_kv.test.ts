import { describe, it } from 'vitest'
import { plainHeads } from '../../../src/kernels/heads'
import { kvBits } from '../../../src/kernels/kv-format'
import { fusedRow, ropeKv } from '../../../src/kernels/rope-kv'
import { ropeTable } from '../../../src/model/rope'
import type { KvFormat } from '../../../src/util/kv-format'
import { bounded, KvCacheTwin, quantizeRow } from '../../reference/kv_cache'
import { ropeKv as reference } from '../../reference/rope_kv'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, expectSame, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { plainRope } from '../../support/plain-rope'

const gpu = await openTestGpu()
const blockSize = 32
const blocks = 5
const headShapes = [
  { heads: 9, kvHeads: 3, headDim: 64 },
  { heads: 7, kvHeads: 1, headDim: 80 },
  { heads: 2, kvHeads: 2, headDim: 256 },
]

const formats: readonly KvFormat[] = ['f32', 'f16', 'int8', 'int4']
/** What lies in the cache before; as f32, as f16 and as levels it is far from what is written. */
const before = 0x7bcd7bcd

describe.each([...new Set(testVariants(gpu).map(({ headLanes }) => headLanes))])(
  'RoPE and the KV write by %s lanes',
  (lanes) => {
    const cases = headShapes.flatMap((shape) => formats.map((format) => ({ ...shape, format, half: 0 })))
    const inHalves = [
      { ...headShapes[0]!, format: 'f32' as const, half: 32 },
      { ...headShapes[1]!, format: 'f16' as const, half: 20 },
      // A part of the head stays as it is.
      { ...headShapes[1]!, format: 'int8' as const, half: 16 },
    ]
    it.each([...cases, ...inHalves])(
      'turns Q and K and puts K and V where the slots say, %o',
      async ({ heads, kvHeads, headDim, format, half }) => {
        const random = new Random(headDim)
        const tokens = 5
        const width = (heads + 2 * kvHeads) * headDim
        const positions = [0, 1, 299, 31, 32]
        const slots = [159, 0, 31, 32, 70]
        const ropeDim = half > 0 ? 2 * half : headDim
        const head = { heads, kv_heads: kvHeads, head_dim: headDim, value_dim: headDim }
        const rope = ropeTable(plainRope(headDim, ropeDim), 300, null)
        const qkv = random.normals(tokens * width)
        // More than an f16 can hold is stored as its greatest value, not as infinity.
        qkv[(heads + kvHeads) * headDim] = 1e6
        // A head whose elements are all the same, one that is all above zero, and a very small one.
        const values = (token: number) => token * width + (heads + kvHeads) * headDim
        qkv.fill(0.3, values(1), values(1) + headDim)
        for (let i = 0; i < headDim; i++) qkv[values(2) + i] = 5 + Math.abs(qkv[values(2) + i]!)
        for (let i = 0; i < headDim; i++) qkv[values(3) + i]! *= 1e-5
        const got = new KvCacheTwin(format, { blocks, kvHeads, headDim, blockSize }, before)
        const scale = 1 / Math.sqrt(headDim)
        const outputs = await runKernel(gpu, ropeKv, {
          variant: {
            constants: {
              ...plainHeads.constants,
              ...head,
              workgroup_size: lanes,
              block_size: blockSize,
              kv_bits: kvBits[format],
              rope_dim: ropeDim,
            },
            conditions: { rope_halves: half > 0 },
          },
          inputs: {
            qkv,
            rope,
            constants: 4,
            batch: new Uint32Array([8, ...positions, ...slots]),
            q: tokens * heads * headDim,
            cache: got.words,
          },
          params: {
            ...plainHeads.params,
            ...fusedRow(head),
            positions_at: 1,
            slots_at: 1 + tokens,
            values_at: got.valuesAt,
            rope_quads: headDim / 4,
            scale,
          },
          shape: { tokens },
        })
        const { q, qMagnitude, written } = reference({
          qkv,
          layout: {
            row: width,
            q: [0, headDim],
            k: [heads * headDim, headDim],
            v: [(heads + kvHeads) * headDim, headDim],
          },
          rope,
          ropeRow: headDim,
          ropeDim,
          ropeFrom: 0,
          halves: half > 0,
          positions,
          slots,
          heads,
          kvHeads,
          headDim,
          valueDim: headDim,
          blockSize,
          scale: () => scale,
          norm: null,
          valueNorm: null,
          eps: 0,
          clip: Number.POSITIVE_INFINITY,
        })
        const label = `rope_kv ${lanes} lanes ${heads}/${kvHeads} × ${headDim}, kv ${format}`
        expectClose(`${label}, q`, outputs.floats('q'), q, (i) => gamma(4) * qMagnitude[i]!)

        const cache = outputs.words('cache')
        got.words.set(cache)
        const clean = new KvCacheTwin(format, { blocks, kvHeads, headDim, blockSize }, before)
        for (const { values, block, kvHead, key, row, magnitudes } of written) {
          const stored = got.get(values, block, kvHead, key)
          const expected = format === 'f32' ? row : row.map(bounded)
          const step =
            format === 'int8' || format === 'int4' ? quantizeRow(row, kvBits[format] as 4 | 8).scale : 0
          expectClose(`${label}, ${values ? 'V' : 'K'} of head ${kvHead}`, stored, expected, (i) => {
            const computed = gamma(3) * magnitudes[i]!
            if (format === 'f32') return computed
            // WGSL lets pack2x16float round either way: less than one step of an f16.
            if (format === 'f16') return computed + 2 ** -10 * Math.abs(expected[i]!) + 2 ** -24
            // Half a level; a scale or a minimum may be rounded to the next bfloat16.
            return computed + 0.51 * step + gamma(4) * Math.abs(expected[i]!)
          })
          clean.put(values, block, kvHead, key, stored)
          got.put(values, block, kvHead, key, stored)
        }
        expectSame(`${label}, what was not written`, got.words, clean.words)
      },
    )
  },
)
