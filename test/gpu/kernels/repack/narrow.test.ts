import { it } from 'vitest'
import { narrow } from '../../../../src/kernels/repack'
import { decodeHalf, encodeHalf } from '../../../reference/half'
import { openTestGpu, runKernel } from '../../../support/gpu'
import { expectSame } from '../../../support/gpu-compare'
import { Random } from '../../../support/gpu-random'

const gpu = await openTestGpu()

it('rounds rows of F32 to F16, ties to even, beyond the greatest number to it', async () => {
  const random = new Random(4)
  const halves = Array.from({ length: 100 }, () => decodeHalf(random.integer(0x7bff)))
  // Half-way between neighbours, of which one is even.
  const ties = halves.map((half) => (half + decodeHalf(encodeHalf(half) + 1)) / 2)
  const values = [0, -0, 65504, 65519, 70000, -1e30, 1e-8, 2.9e-8, 3e-8, -6.1e-5, ...halves, ...ties]
  while (values.length % 36 !== 0) values.push(random.normal() * 2 ** (random.integer(40) - 24))
  const rows = values.length / 36
  const floats = new Float32Array(values)
  const outputs = await runKernel(gpu, narrow, {
    variant: { constants: { workgroup_size: 64 } },
    inputs: { raw: new Uint32Array(floats.buffer), planes: new Uint32Array(rows * 32) },
    params: {
      source: 0,
      first: 0,
      base: 0,
      count: values.length / 2,
      scales: 0,
      high: 0,
      supers: 0,
      signs: 0,
      table: 0,
      row_words: 18,
      row_stride: 32,
    },
    shape: { count: values.length / 2, bytes: floats.byteLength },
  })
  const expected = new Uint16Array(rows * 64)
  floats.forEach((value, i) => {
    expected[64 * Math.floor(i / 36) + (i % 36)] = encodeHalf(Math.max(-65504, Math.min(65504, value)))
  })
  expectSame('F32 to F16', outputs.words('planes'), new Uint32Array(expected.buffer))
})
