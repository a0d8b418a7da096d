import { describe, it } from 'vitest'
import { ropeKv } from '../../../src/kernels/attention'
import { ropeTable } from '../../../src/model/rope'
import { decodeHalf } from '../../reference/half'
import { ropeKv as reference } from '../../reference/rope_kv'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const blockSize = 32
const blocks = 5
const headShapes = [
  { heads: 9, kvHeads: 3, headDim: 64 },
  { heads: 7, kvHeads: 1, headDim: 80 },
  { heads: 2, kvHeads: 2, headDim: 256 },
]

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'RoPE and the KV write by %s lanes',
  (lanes) => {
    it.each(headShapes.flatMap((shape) => [16, 32].map((bits) => [{ ...shape, bits }] as const)))(
      'turns Q and K and puts K and V where the slots say, %o',
      async ({ heads, kvHeads, headDim, bits }) => {
        const random = new Random(headDim)
        const kvF32 = bits === 32
        const tokens = 5
        const width = (heads + 2 * kvHeads) * headDim
        const positions = [0, 1, 299, 31, 32]
        const slots = [159, 0, 31, 32, 70]
        const rope = ropeTable({ headDim, ropeDim: headDim, ropeBase: 10000, ropeScale: 1 }, 300, null)
        const qkv = random.normals(tokens * width)
        // More than an f16 can hold is stored as its greatest value, not as infinity.
        qkv[(heads + kvHeads) * headDim] = 1e6
        const valuesAt = blocks * kvHeads * blockSize * headDim
        const scale = 1 / Math.sqrt(headDim)
        const outputs = await runKernel(gpu, ropeKv, {
          variant: {
            constants: {
              workgroup_size: lanes,
              head_dim: headDim,
              heads,
              kv_heads: kvHeads,
              block_size: blockSize,
            },
            conditions: { kv_f32: kvF32 },
          },
          inputs: {
            qkv,
            rope,
            batch: new Uint32Array([8, ...positions, ...slots]),
            q: tokens * heads * headDim,
            cache: new Uint32Array((2 * valuesAt * bits) / 32).fill(0x3c003c00),
          },
          params: { positions_at: 1, slots_at: 1 + tokens, values_at: valuesAt, scale },
          shape: { tokens, cacheElementBytes: bits / 8 },
        })
        const input = { qkv, rope, positions, slots, heads, kvHeads, headDim, blockSize, blocks, scale }
        const { q, qMagnitude, written } = reference(input)
        const label = `rope_kv ${lanes} lanes ${heads}/${kvHeads} × ${headDim}, kv f${bits}`
        expectClose(`${label}, q`, outputs.floats('q'), q, (i) => gamma(4) * qMagnitude[i]!)

        const cache = kvF32
          ? outputs.floats('cache')
          : Float64Array.from(new Uint16Array(outputs.words('cache').buffer), decodeHalf)
        const untouched = kvF32 ? new Float32Array(new Uint32Array([0x3c003c00]).buffer)[0]! : 1
        const expected = new Float64Array(2 * valuesAt).fill(untouched)
        const tolerance = new Float64Array(2 * valuesAt)
        for (const [element, [value, magnitude]] of written) {
          expected[element] = kvF32 ? value : Math.max(-65504, Math.min(65504, value))
          tolerance[element] = gamma(3) * magnitude
          // WGSL lets pack2x16float round either way: less than one step of an f16.
          if (!kvF32) tolerance[element]! += 2 ** -10 * Math.abs(expected[element]!) + 2 ** -24
        }
        expectClose(`${label}, cache`, cache, expected, (i) => tolerance[i]!)
      },
    )
  },
)
