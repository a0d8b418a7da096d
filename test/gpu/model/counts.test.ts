import { expect, it } from 'vitest'
import { countDecode } from '../../../bench/counts'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'

it('takes nine dispatches a layer, one pass, one submit and one read-back, and makes no object', async () => {
  // Large enough for its weights to outweigh the activations.
  const tiny = tinyModel({ layers: 4, hidden: 256, heads: 4, headDim: 64, intermediate: 1024 })
  const load = (gpu: GPU) => loadModelBytes(tiny.file, { gpu })
  const { counts } = await countDecode({ gpu: navigator.gpu, load, promptTokens: 40 })
  expect(counts.dispatchesPerLayer).toBeLessThanOrEqual(9)
  // Embedding, gather, norm, output matrix and sampler.
  expect(counts.dispatchesPerToken).toBe(4 * counts.dispatchesPerLayer + 5)
  expect(counts).toMatchObject({ passes: 1, submits: 1, readbacks: 1, objectsCreated: 0 })
  expect(counts.bytesWalked).toBeGreaterThan(counts.bytesMinimum)
  expect(counts.bytesWalked).toBeLessThan(1.1 * counts.bytesMinimum)
})
