import { describe, expect, it } from 'vitest'
import { noOpGpu } from '../../../bench/no-op-gpu'
import { bufferUsage } from '../../../src/gpu/flags'
import { mostStepTokens } from '../../../src/model/room-limits'
import type { ModelTensors } from '../../../src/model/tensors'
import { narrowGpu } from '../../support/limited-gpu'
import { loadModelBytes, type TestLoadOptions } from '../../support/load-model'
import { type TinyModelOptions, tinyModel } from '../../support/tiny-model'
import { watchDevices, watchMethod } from '../../support/watch-device'

/** What every device can bind. */
const leastBinding = 128 * 1024 * 1024

/** Loads a tiny model on a device that binds no more, and gives the sizes of all buffers that kernels bind. */
async function loading(shape: TinyModelOptions, options: TestLoadOptions) {
  const sizes = new Map<string, number>()
  const gpu = watchDevices(narrowGpu(noOpGpu(), leastBinding), (device) => {
    watchMethod(device, 'createBuffer', (_, [descriptor]) => {
      const { label, size, usage } = descriptor as GPUBufferDescriptor
      if (usage & bufferUsage.storage) sizes.set(label!, size)
    })
  })
  const model = await loadModelBytes(tinyModel(shape).file, { gpu, ...options })
  model.destroy()
  return { limits: model.runner.limits, cache: model.info.kvCache, sizes }
}

describe('on a device with default limits', () => {
  const manyHeads = { heads: 60, kvHeads: 1, headDim: 8, hidden: 480, contextLength: 131_072 }

  it('a context is no longer than what decode attention can bind of its splits, for every sequence', async () => {
    const { limits, cache, sizes } = await loading(manyHeads, { maxSequences: 64, maxTokens: 131_072 })
    expect(Math.max(...sizes.values())).toBeLessThanOrEqual(leastBinding)
    // 60 heads write 12 values for each split of 64 tokens.
    const fitting = 64 * Math.floor(leastBinding / (64 * 60 * 12 * 4))
    expect(limits.maxContext).toBe(fitting)
    expect(cache.maxTokens).toBeGreaterThan(fitting)
    const alone = await loading(manyHeads, { maxSequences: 1, maxTokens: 131_072 })
    expect(alone.limits.maxContext).toBe(manyHeads.contextLength)
  })

  it('a step with more activations than a kernel can bind is refused, and what to lower is named', async () => {
    const wide = { intermediate: 4864, layers: 1 }
    await expect(loading(wide, { maxBatchTokens: 8192 })).rejects.toMatchObject({
      code: 'limits-too-small',
      message: expect.stringMatching(/“activated, f32 .*” needs 159383552 bytes.* address 134217728/),
      remedy: expect.stringContaining('tokenBudget'),
    })
    const { sizes } = await loading(wide, { maxBatchTokens: 4096 })
    expect(Math.max(...sizes.values())).toBeLessThanOrEqual(leastBinding)
  })
})

describe('tokens of a step', () => {
  const layer = (top: number | null, latentHeads: number | null) => ({
    feedForward: { parts: top === null ? [] : [{ kind: 'experts', router: { top } }] },
    mixer: { parts: latentHeads === null ? [] : [{ kind: 'attention', heads: latentHeads, latent: {} }] },
  })
  it.each([
    [[layer(8, null), layer(null, null)], 8191],
    [[layer(null, 40), layer(2, 16)], 6550],
    [[layer(null, null)], Number.POSITIVE_INFINITY],
  ])('are as many as a dispatch has workgroups for, %#', (layers, most) => {
    expect(mostStepTokens({ layers } as unknown as ModelTensors)).toBe(most)
  })
})
