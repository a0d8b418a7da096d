import { expect, it } from 'vitest'
import { embed } from '../../../../src/kernels/embed'
import { quantize, quantizeBlocks } from '../../../../src/kernels/repack'
import { reads } from '../../../../src/kernels/weights/format'
import { dequantize } from '../../../reference/dequantize'
import { quantizeQ4K, quantizeQ41, quantizeQ80 } from '../../../reference/quantize'
import { openTestGpu, runKernel } from '../../../support/gpu'
import { Random } from '../../../support/gpu-random'
import { encodeFloats, formatOf, planesOf } from '../../../support/gpu-weights'

const gpu = await openTestGpu()
const twins = { Q4_1: quantizeQ41, Q4_K: quantizeQ4K, Q8_0: quantizeQ80 }

/** Rows of every kind that a model may have, each of `columns` weights. */
function edgeRows(random: Random, columns: number): Float32Array[] {
  const normal = (scale: number) => Float32Array.from({ length: columns }, () => scale * random.normal())
  const outlier = new Float32Array(columns)
  outlier[columns - 3] = -5
  return [
    new Float32Array(columns),
    new Float32Array(columns).fill(0.37),
    new Float32Array(columns).fill(-0.37),
    normal(15_000),
    normal(3e-6),
    outlier,
    normal(0.02).map(Math.abs),
    normal(0.02).map((weight) => -Math.abs(weight)),
    ...Array.from({ length: 24 }, (_, row) => normal(0.01 * (1 + row))),
  ]
}

async function quantized(
  source: string,
  raw: Uint8Array<ArrayBuffer>,
  type: keyof typeof twins,
  groups: number,
) {
  const format = formatOf(type)
  const supers = type === 'Q4_K'
  const units = supers ? groups / 8 : groups
  const planes = format.planes(groups)
  const staging = new Uint32Array(Math.ceil(raw.length / 4) + 2)
  const weightBytes = source === 'F32' ? 4 : 2
  const unitBytes = raw.length / units
  expect(unitBytes).toBe((supers ? 256 : 32) * weightBytes)
  let words = new Uint32Array(planes.words)
  // In two parts, as pieces of a file come.
  for (const [first, end] of [
    [0, 3],
    [3, units],
  ] as const) {
    const part = raw.subarray(first * unitBytes, end * unitBytes)
    new Uint8Array(staging.buffer).set(part)
    const kernel = supers ? quantizeBlocks : quantize
    const conditions = {
      wide: source === 'F32',
      bfloat: source === 'BF16',
      bytes: type === 'Q8_0',
      supers,
    }
    const outputs = await runKernel(gpu, kernel, {
      variant: { constants: { workgroup_size: 64 }, conditions },
      inputs: { raw: staging, planes: words },
      params: {
        source: 0,
        first,
        base: 0,
        count: end - first,
        ...planes,
        row_words: 0,
        row_stride: 0,
      },
      shape: { count: end - first, bytes: part.length },
    })
    words = outputs.words('planes')
  }
  return words
}

/** The weights as the kernels read them. */
async function read(type: string, words: Uint32Array<ArrayBuffer>, rows: number, columns: number) {
  const groups = columns / 32
  const format = formatOf(type)
  const outputs = await runKernel(gpu, embed, {
    variant: { ...reads(format), constants: { workgroup_size: 64 } },
    inputs: {
      weights: words,
      batch: new Uint32Array([9, ...Array(rows).keys()]),
      sampled: new Uint32Array(1),
      y: new Float32Array(rows * columns),
    },
    params: {
      ids_at: 1,
      id_offset: 0,
      ids: 0,
      first_row: 0,
      rows,
      groups,
      ...format.planes(rows * groups),
      scale: 1,
    },
    shape: { tokens: rows, rowBytes: 0, hidden: columns },
  })
  return outputs.floats('y')
}

it.each([
  ['BF16', 'Q4_1', 96],
  ['F16', 'Q4_1', 32],
  ['F32', 'Q4_1', 64],
  ['BF16', 'Q4_K', 512],
  ['F32', 'Q4_K', 256],
  ['F16', 'Q8_0', 96],
  ['BF16', 'Q8_0', 32],
] as const)('quantizes %s to %s as well as its twin does', async (source, type, columns) => {
  const rows = edgeRows(new Random(31), columns)
  const raw = encodeFloats(
    source,
    rows.flatMap((row) => [...row]),
  )
  const weights = Float32Array.from(dequantize(source, raw).values)
  const words = await quantized(source, raw, type, weights.length / 32)
  const blocks = twins[type](weights)
  const expectedWords = planesOf(type, blocks, columns)
  const same = words.filter((word, i) => word === expectedWords[i]).length
  // Sums in f32 may give another of two scales that are next to each other, or of two ranges that are as good.
  expect(same / words.length).toBeGreaterThan(0.9)
  const got = await read(type, words, rows.length, columns)
  const expected = dequantize(type, blocks).values
  const unit = type === 'Q4_K' ? 256 : 32
  for (let u = 0; u < weights.length / unit; u++) {
    let [error, least, size] = [0, 0, 0]
    for (let i = unit * u; i < unit * (u + 1); i++) {
      error += (got[i]! - weights[i]!) ** 2
      least += (expected[i]! - weights[i]!) ** 2
      size += weights[i]! ** 2
    }
    expect(error, `unit ${u}`).toBeLessThanOrEqual(1.05 * least + 1e-6 * size)
  }
  // Rows of one weight stay what they are.
  for (const row of [1, 2]) {
    for (let i = row * columns; i < (row + 1) * columns; i++) expect(got[i]! / weights[i]!).toBeCloseTo(1, 2)
  }
})
