import { it } from 'vitest'
import { packingOf } from '../../../../src/kernels/packing'
import { split } from '../../../../src/kernels/repack'
import { blockTypes } from '../../../reference/dequantize'
import { repack } from '../../../reference/repack'
import { openTestGpu, runKernel } from '../../../support/gpu'
import { expectSame } from '../../../support/gpu-compare'
import { Random } from '../../../support/gpu-random'
import { fittingColumns, formatOf, randomBlocks, typeNames } from '../../../support/gpu-weights'

const gpu = await openTestGpu()

/**
 * Repacks the blocks of `rows` rows in dispatches of the given lengths (in units; the last one takes what is left), each
 * from another byte of its staging buffer, and compares the planes with the twin's.
 */
async function expectRepacked(type: string, rows: number, columns: number, lengths: readonly number[]) {
  const format = formatOf(type)
  const { unitBytes, unitWeights } = format
  const raw = randomBlocks(new Random(8), type, (rows * columns) / blockTypes[type]!.weights)
  const planes = format.planes(rows * Math.ceil(columns / 32))
  const { params } = packingOf(format).place({ firstRow: 0, rows, shardRow: 0, columns })
  const units = (rows * columns) / unitWeights
  let words: Uint32Array<ArrayBuffer> = new Uint32Array(planes.words)
  let first = 0
  for (const length of [...lengths, units]) {
    const count = Math.min(length, units - first)
    const part = raw.subarray(first * unitBytes, (first + count) * unitBytes)
    const source = (first * 3 + 1) % 7
    const staging = new Uint8Array(Math.ceil((source + part.length + 8) / 4) * 4)
    staging.set(part, source)
    const outputs = await runKernel(gpu, split, {
      variant: { constants: { workgroup_size: 64 } },
      inputs: { raw: new Uint32Array(staging.buffer), planes: words },
      params: { source, first, count, ...planes, ...params },
      shape: { count, bytes: part.length },
    })
    words = outputs.words('planes')
    first += count
  }
  expectSame(`repack ${type} [${rows}, ${columns}] in ${lengths}`, words, repack(format, raw, columns))
}

it.each(typeNames)('lays out %s at once and in parts that share words of scales', async (type) => {
  await expectRepacked(type, 1, fittingColumns(type, 4), [])
  await expectRepacked(type, 9, fittingColumns(type, 36), [1, 2])
  await expectRepacked(type, 7, fittingColumns(type, 512), [1, 2, 7])
})
