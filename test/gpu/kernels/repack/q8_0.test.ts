import { it } from 'vitest'
import { openTestGpu } from '../../../support/gpu'
import { expectRepacked } from './repack'

const gpu = await openTestGpu()

it('lays out Q8_0 at once and in parts that share words of scales', async () => {
  await expectRepacked(gpu, 'Q8_0', 1, 32, [1])
  await expectRepacked(gpu, 'Q8_0', 5, 96, [15])
  await expectRepacked(gpu, 'Q8_0', 7, 576, [1, 2, 60, 63])
})
