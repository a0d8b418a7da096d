import type { GpuDevice } from '../../../../src/gpu/device'
import { blockTypes } from '../../../reference/dequantize'
import { runKernel } from '../../../support/gpu'
import { expectSame } from '../../../support/gpu-compare'
import { Random } from '../../../support/gpu-random'
import { formatOf, planesOf, randomBlocks } from '../../../support/gpu-weights'

/**
 * Repacks the blocks of `rows` rows in dispatches of the given lengths (in units, together the whole), each from another
 * byte of its staging buffer, and compares the planes with the twin's.
 */
export async function expectRepacked(
  gpu: GpuDevice,
  type: string,
  rows: number,
  columns: number,
  lengths: readonly number[],
): Promise<void> {
  const format = formatOf(type)
  const { weights } = blockTypes[type]!
  const raw = randomBlocks(new Random(8), type, (rows * columns) / weights)
  const plain = weights === 1
  const groups = Math.ceil(columns / 32)
  const planes = format.planes(rows * groups)
  let words: Uint32Array<ArrayBuffer> = new Uint32Array(planes.words)
  let first = 0
  for (const count of lengths) {
    const part = raw.subarray(first * format.unitBytes, (first + count) * format.unitBytes)
    const source = (first * 3 + 1) % 7
    const staging = new Uint8Array(Math.ceil((source + part.length + 8) / 4) * 4)
    staging.set(part, source)
    const outputs = await runKernel(gpu, format.repack, {
      variant: { constants: { workgroup_size: 64 }, conditions: format.repackConditions ?? {} },
      inputs: { raw: new Uint32Array(staging.buffer), planes: words },
      params: {
        source,
        first,
        base: 0,
        count,
        ...planes,
        row_words: columns / format.unitWeights,
        row_stride: plain ? (groups * 32) / format.unitWeights : columns / format.unitWeights,
      },
      shape: { count, bytes: part.length },
    })
    words = outputs.words('planes')
    first += count
  }
  expectSame(`repack ${type} [${rows}, ${columns}] in ${lengths}`, words, planesOf(type, raw, columns))
}
