import { it } from 'vitest'
import { openTestGpu } from '../../../support/gpu'
import { expectRepacked } from './repack'

const gpu = await openTestGpu()

it('lays out Q6_K at once and in parts that share words of scales', async () => {
  await expectRepacked(gpu, 'Q6_K', 1, 256, [1])
  await expectRepacked(gpu, 'Q6_K', 3, 768, [9])
  await expectRepacked(gpu, 'Q6_K', 10, 512, [1, 2, 16, 1])
})
