import { expect, inject, it } from 'vitest'
import { countDecode } from '../../../bench/counts'
import { openTestGpu, testVariants } from '../../support/gpu'
import { loadModelBytes } from '../../support/load-model'
import { sharingGpu } from '../../support/sharing-gpu'
import { tinyModel } from '../../support/tiny-model'

// Large enough for its weights to outweigh the activations.
const tiny = tinyModel({ layers: 4, hidden: 256, heads: 4, headDim: 64, intermediate: 1024 })
const load = (gpu: GPU) => loadModelBytes(tiny.file, { gpu })

/** Every point of the table, by what a layer of a llama takes: on a CPU driver a dispatch costs less than norms and merges done again. */
const points = testVariants(await openTestGpu()).map(
  (variants) =>
    [
      variants.name,
      variants,
      5 + (variants.ownNorms === 1 ? 0 : 2) + (variants.mergedSplits > 0 ? 0 : 1),
    ] as const,
)

it.each(points)(
  'takes five dispatches a layer, or by %s a few more, one pass, one submit and one read-back, and makes no object',
  async (_, variants, perLayer) => {
    const load = (gpu: GPU) => loadModelBytes(tiny.file, { gpu, variants })
    const { counts } = await countDecode({ gpu: sharingGpu(), load, promptTokens: 40 })
    expect(counts.dispatchesPerLayer).toBe(perLayer)
    // Embedding, gather, norm, output matrix and sampler.
    expect(counts.dispatchesPerToken).toBe(4 * perLayer + 5)
    expect(counts).toMatchObject({ passes: 1, submits: 1, readbacks: 1, bufferWrites: 1, objectsCreated: 0 })
    expect(counts.bytesWalked).toBeGreaterThan(counts.bytesMinimum)
    expect(counts.bytesWalked).toBeLessThan(1.05 * counts.bytesMinimum)
  },
)

// SwiftShader compiles each for ten seconds.
it.each(inject('adapter') === 'swiftshader' ? points.slice(0, 1) : points)(
  'takes as many by %s where products take integers, or four more that round their rows and make them as they do',
  async (_, variants) => {
    const load = (gpu: GPU) => loadModelBytes(tiny.file, { gpu, variants, precision: 'fast' })
    const { counts } = await countDecode({ gpu: sharingGpu(), load, promptTokens: 40 })
    const [perLayer, rounding] = variants.ownRoundings === 1 ? [5, 0] : [9, 1]
    expect(counts.dispatchesPerLayer).toBe(perLayer)
    // Embedding, gather, norm, output matrix and sampler.
    expect(counts.dispatchesPerToken).toBe(4 * perLayer + 5 + rounding)
    expect(counts).toMatchObject({ passes: 1, submits: 1, readbacks: 1, bufferWrites: 1, objectsCreated: 0 })
  },
)

it('takes one dispatch more where logits are adjusted, and makes no object either', async () => {
  const tiny = tinyModel({ layers: 2 })
  const load = (gpu: GPU) => loadModelBytes(tiny.file, { gpu })
  const sampler = {
    repetitionPenalty: 1.1,
    frequencyPenalty: 0.1,
    logitBias: [[3, 1]],
    allowedIds: Array.from({ length: 200 }, (_, id) => id),
  } as const
  const { counts } = await countDecode({ gpu: sharingGpu(), load, promptTokens: 40, sampler })
  expect(counts.dispatchesPerToken).toBe(2 * counts.dispatchesPerLayer + 6)
  expect(counts).toMatchObject({ passes: 1, submits: 1, readbacks: 1, bufferWrites: 1, objectsCreated: 0 })
})

it('takes as many passes, submits and read-backs for four sequences with log-probabilities, and makes no object', async () => {
  const run = { gpu: sharingGpu(), load, promptTokens: 8, sequences: 4 }
  const plain = await countDecode(run)
  const { counts } = await countDecode({ ...run, logprobs: 5 })
  expect(counts).toMatchObject({ passes: 1, submits: 1, readbacks: 1, bufferWrites: 1, objectsCreated: 0 })
  expect(counts.dispatchesPerToken).toBe(plain.counts.dispatchesPerToken + 1)
})
