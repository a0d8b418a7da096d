import { it } from 'vitest'
import { openTestGpu } from '../../../support/gpu'
import { expectRepacked } from './repack'

const gpu = await openTestGpu()

it.each([
  ['F32', 1],
  ['F16', 2],
  ['BF16', 2],
])('copies rows of %s and pads them to whole groups', async (type, perWord) => {
  await expectRepacked(gpu, type, 1, 4, [4 / perWord])
  await expectRepacked(gpu, type, 9, 36, [1, 7, (9 * 36) / perWord - 8])
  await expectRepacked(gpu, type, 3, 64, [(3 * 64) / perWord])
})
