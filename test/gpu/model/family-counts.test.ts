import { expect, inject, it } from 'vitest'
import { countFamily, decoderNames } from '../../../bench/family-counts'

const root = inject('allGolden') ? '/shared-golden/arch' : '/golden/arch'

it.each(
  ['llama-bias', 'qwen2-swa', 'qwen3'].flatMap((name) => [
    { name, precision: 'exact' as const },
    { name, precision: 'fast' as const },
  ]),
)('a token of $name takes five dispatches a layer and five more on a GPU, $precision', async (family) => {
  const { name, precision } = family
  const { layers, dispatches, dispatchesPerLayer, kernels } = await countFamily(root, name, precision)
  expect(dispatchesPerLayer, JSON.stringify(kernels)).toBe(5)
  // Embedding, gather, norm, output matrix and sampler.
  expect(dispatches).toBe(5 * layers + 5)
  const [product, other] = precision === 'fast' ? ['int8_matvec', 'matvec'] : ['matvec', 'int8_matvec']
  expect(kernels).toMatchObject({ project_heads: layers, attention_decode: layers, [product]: 3 * layers })
  expect(kernels).not.toHaveProperty(other)
})

it.each(await decoderNames(root))('a token of %s takes no dispatch more in fast', async (name) => {
  const exact = await countFamily(root, name)
  const fast = await countFamily(root, name, 'fast')
  expect(fast.dispatches, JSON.stringify(fast.kernels)).toBe(exact.dispatches)
})
