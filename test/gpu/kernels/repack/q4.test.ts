import { it } from 'vitest'
import { openTestGpu } from '../../../support/gpu'
import { expectRepacked } from './repack'

const gpu = await openTestGpu()

it.each(['Q4_0', 'Q4_1'])('lays out %s at once and in parts that share words of scales', async (type) => {
  await expectRepacked(gpu, type, 1, 32, [1])
  await expectRepacked(gpu, type, 5, 96, [15])
  await expectRepacked(gpu, type, 7, 576, [1, 2, 60, 63])
})
