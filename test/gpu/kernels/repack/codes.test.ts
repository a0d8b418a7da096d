import { describe, expect, it } from 'vitest'
import { embed } from '../../../../src/kernels/embed'
import { reads } from '../../../../src/kernels/weights/format'
import { createMatrix } from '../../../../src/model/matrix'
import { readQuantization } from '../../../../src/model/quantized/read-quantization'
import { WeightUploader } from '../../../../src/model/upload'
import { dequantizeMatrix, readTables } from '../../../reference/quantized'
import { openTestGpu, readBuffer, runKernel } from '../../../support/gpu'
import { expectClose } from '../../../support/gpu-compare'
import { Random } from '../../../support/gpu-random'
import {
  lookup,
  type RandomQuantized,
  randomAwq,
  randomBytes,
  randomFp8,
  randomGptq,
  randomInt8,
  randomMlx,
  randomMxfp4,
  randomNf4,
  randomPacked,
} from '../../../support/quantized-matrix'

const gpu = await openTestGpu()
type Shape = readonly [rows: number, columns: number]

/** Every scheme, and each of its numbers at their edges; a multiply-add may be fused where a term is added. */
const schemes: readonly (readonly [name: string, make: (random: Random, shape: Shape) => RandomQuantized])[] =
  [
    ['GPTQ 2-bit g32', (random, shape) => randomGptq(random, shape, 2, 32)],
    ['GPTQ 3-bit g64', (random, shape) => randomGptq(random, shape, 3, 64)],
    ['GPTQ 4-bit g32 v2', (random, shape) => randomGptq(random, shape, 4, 32, { version: 'gptq_v2' })],
    ['GPTQ 4-bit g32, act-order', (random, shape) => randomGptq(random, shape, 4, 32, { ordered: true })],
    ['GPTQ 8-bit by row', (random, shape) => randomGptq(random, shape, 8, shape[1])],
    ['GPTQ 8-bit g64, act-order', (random, shape) => randomGptq(random, shape, 8, 64, { ordered: true })],
    ['AWQ g64', (random, shape) => randomAwq(random, shape, 64)],
    ['MLX 2-bit g64', (random, shape) => randomMlx(random, shape, 2, 64)],
    ['MLX 3-bit g32', (random, shape) => randomMlx(random, shape, 3, 32, 'BF16')],
    ['MLX 5-bit g64', (random, shape) => randomMlx(random, shape, 5, 64)],
    ['MLX 6-bit g32, f32', (random, shape) => randomMlx(random, shape, 6, 32, 'F32')],
    ['MLX 8-bit g64', (random, shape) => randomMlx(random, shape, 8, 64)],
    ['compressed-tensors int2 by row', (random, shape) => randomPacked(random, shape, 2, null, false)],
    ['compressed-tensors int4 g64, zeros', (random, shape) => randomPacked(random, shape, 4, 64, true)],
    ['compressed-tensors int8 g32, zeros', (random, shape) => randomPacked(random, shape, 8, 32, true)],
    ['compressed-tensors bytes by row', (random, shape) => randomBytes(random, shape, 'I8', 'channel')],
    ['compressed-tensors fp8 by matrix', (random, shape) => randomBytes(random, shape, 'F8_E4M3', 'tensor')],
    ['compressed-tensors fp8 in blocks', (random, shape) => randomBytes(random, shape, 'F8_E4M3', [64, 96])],
    ['bitsandbytes nf4 in blocks of 64', (random, shape) => randomNf4(random, shape, 64, false)],
    ['bitsandbytes nf4 in blocks of 128, over rows', (random, shape) => randomNf4(random, shape, 128, false)],
    ['bitsandbytes nf4, double', (random, shape) => randomNf4(random, shape, 64, true)],
    ['bitsandbytes int8', randomInt8],
    ['MXFP4, two experts', randomMxfp4],
    ['FP8 in blocks', (random, shape) => randomFp8(random, shape, [128, 128])],
  ]

/** The matrix as the kernels read it, row after row, from a file in pieces of random lengths in random order. */
async function uploaded(
  random: Random,
  made: RandomQuantized,
  [rows, columns]: Shape,
  maxBindingBytes: number,
) {
  const { config, tensors, file } = made
  const found = readQuantization({ quantization_config: config })!.find(
    'layer',
    rows,
    columns,
    lookup(tensors),
    false,
  )!
  const { format, notes } = found
  const parts = found.parts.map((part) => ({ ...part, firstRow: 0, rows }))
  const narrow: typeof gpu = Object.create(gpu, { info: { value: { ...gpu.info, maxBindingBytes } } })
  const matrix = createMatrix(narrow, { name: 'layer', format, parts, notes, columns, rows })
  const uploader = await WeightUploader.create(gpu, [matrix], [])
  const cuts: number[] = [0]
  while (cuts.at(-1)! < file.length) cuts.push(cuts.at(-1)! + 1 + random.integer(9000))
  const writes = random
    .permutation(cuts.length - 1)
    .map((i) => uploader.write(cuts[i]!, file.slice(cuts[i], cuts[i + 1])))
  await Promise.all(writes)
  await uploader.finish()
  const got = new Float32Array(rows * columns)
  for (const { buffer, planes, firstRow, rows: own } of matrix.shards) {
    const outputs = await runKernel(gpu, embed, {
      variant: { ...reads(format), constants: { workgroup_size: 32 } },
      inputs: {
        weights: new Uint32Array(await readBuffer(gpu, buffer, 4 * planes.words)),
        batch: Uint32Array.from({ length: own }, (_, row) => row),
        sampled: 1,
        y: own * columns,
      },
      params: {
        ids_at: 0,
        id_offset: 0,
        ids: 0,
        first_row: 0,
        rows: own,
        groups: matrix.groups,
        ...planes,
        scale: 1,
      },
      shape: { tokens: own, rowBytes: 0, hidden: columns },
    })
    got.set(outputs.floats('y'), firstRow * columns)
    gpu.release(buffer)
  }
  return { got, shards: matrix.shards.length }
}

describe.each(schemes)('a random %s matrix', (name, make) => {
  it('has the weights that its layout says, in one buffer and in several', async () => {
    const random = new Random(30)
    for (const [shape, maxBindingBytes, shards] of [
      [[64, 192], 2 ** 27, 1],
      [[544, 192], 20_000, 3],
    ] as const) {
      const made = make(random, shape)
      const tables = readTables(made.tensors, made.file)
      const expected = dequantizeMatrix(tables, 'layer', { quantization_config: made.config }).values
      const uploads = await uploaded(random, made, shape, maxBindingBytes)
      expect(uploads.shards).toBe(shards)
      const greatest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      // Exact where no term is added and no number is divided.
      const step = /MLX|double|int8$/.test(name) ? 2 ** -23 * greatest : 0
      expectClose(`${name} [${shape}]`, uploads.got, expected, () => step)
    }
  })
})
