import { expect, it } from 'vitest'
import { countDecode } from '../../../bench/counts'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'

// Large enough for its weights to outweigh the activations.
const tiny = tinyModel({ layers: 4, hidden: 256, heads: 4, headDim: 64, intermediate: 1024 })
const load = (gpu: GPU) => loadModelBytes(tiny.file, { gpu })

it('takes nine dispatches a layer, one pass, one submit and one read-back, and makes no object', async () => {
  const { counts } = await countDecode({ gpu: navigator.gpu, load, promptTokens: 40 })
  expect(counts.dispatchesPerLayer).toBeLessThanOrEqual(9)
  // Embedding, gather, norm, output matrix and sampler.
  expect(counts.dispatchesPerToken).toBe(4 * counts.dispatchesPerLayer + 5)
  expect(counts).toMatchObject({ passes: 1, submits: 1, readbacks: 1, bufferWrites: 1, objectsCreated: 0 })
  expect(counts.bytesWalked).toBeGreaterThan(counts.bytesMinimum)
  expect(counts.bytesWalked).toBeLessThan(1.1 * counts.bytesMinimum)
})

it('takes one dispatch more where logits are adjusted, and makes no object either', async () => {
  const tiny = tinyModel({ layers: 2 })
  const load = (gpu: GPU) => loadModelBytes(tiny.file, { gpu })
  const sampler = {
    repetitionPenalty: 1.1,
    frequencyPenalty: 0.1,
    logitBias: [[3, 1]],
    allowedIds: Array.from({ length: 200 }, (_, id) => id),
  } as const
  const { counts } = await countDecode({ gpu: navigator.gpu, load, promptTokens: 40, sampler })
  expect(counts.dispatchesPerToken).toBe(2 * counts.dispatchesPerLayer + 6)
  expect(counts).toMatchObject({ passes: 1, submits: 1, readbacks: 1, bufferWrites: 1, objectsCreated: 0 })
})

it('takes as many passes, submits and read-backs for four sequences with log-probabilities, and makes no object', async () => {
  const run = { gpu: navigator.gpu, load, promptTokens: 8, sequences: 4 }
  const plain = await countDecode(run)
  const { counts } = await countDecode({ ...run, logprobs: 5 })
  expect(counts).toMatchObject({ passes: 1, submits: 1, readbacks: 1, bufferWrites: 1, objectsCreated: 0 })
  expect(counts.dispatchesPerToken).toBe(plain.counts.dispatchesPerToken + 1)
})
