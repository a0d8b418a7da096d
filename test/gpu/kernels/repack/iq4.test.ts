import { it } from 'vitest'
import { openTestGpu } from '../../../support/gpu'
import { expectRepacked } from './repack'

const gpu = await openTestGpu()

it.each([
  ['IQ4_NL', 32],
  ['MXFP4', 32],
  ['NVFP4', 64],
  ['IQ4_XS', 256],
])('lays out %s at once and in parts that share words of scales', async (type, weights) => {
  await expectRepacked(gpu, type, 1, weights, [1])
  await expectRepacked(gpu, type, 5, 3 * weights, [15])
  await expectRepacked(gpu, type, 7, 5 * weights, [1, 2, 3, 29])
})
