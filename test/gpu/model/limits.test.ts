import { describe, expect, inject, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import { hardware, software } from '../../../src/model/variants'
import { llamaLogits } from '../../reference/llama'
import { ForcedSequence } from '../../support/force-tokens'
import { expectStep, goldenPrompt } from '../../support/golden-prompts'
import { fusedSoftware } from '../../support/gpu'
import { narrowGpu, plainGpu } from '../../support/limited-gpu'
import { loadModelBytes, loadModelUrl, realModelUrl } from '../../support/load-model'
import { allTypes, type TinyModelOptions, tinyModel } from '../../support/tiny-model'
import { watchDevices, watchMethod } from '../../support/watch-device'

/** SwiftShader compiles each model's kernels for ten seconds or more. */
const quick = inject('adapter') === 'lavapipe' || inject('long')

const ids = Array.from({ length: 70 }, (_, i) => (37 * i + 11) % 200)

/** The logits after a prompt in two chunks, and after three tokens more. */
async function logitsOf({ runner }: LoadedModel): Promise<Float32Array[]> {
  const sequence = new ForcedSequence(runner, 0, 96)
  const all = [(await sequence.prefill(ids.slice(0, 67), 50)).logits]
  for (const id of ids.slice(67)) all.push((await sequence.decode(id)).logits)
  return all
}

describe('a device with default limits and no features', () => {
  const gpu = plainGpu(navigator.gpu)

  it('gives the reference’s tokens', async () => {
    // With all that takes workgroup memory.
    const model = await loadModelUrl(realModelUrl, { gpu, variants: fusedSoftware })
    expect(model.info.device).toMatchObject({
      maxBindingBytes: 128 * 1024 * 1024,
      limits: { maxComputeWorkgroupStorageSize: 16384, maxComputeInvocationsPerWorkgroup: 256 },
    })
    expect(model.info.device.features.filter((name) => name !== 'core-features-and-limits')).toEqual([])
    const prompt = goldenPrompt('fact')
    const steps = inject('adapter') === 'lavapipe' ? prompt.ids.length : 3
    const sequence = new ForcedSequence(model.runner, 0, prompt.promptIds.length + steps)
    expectStep(prompt, 0, await sequence.prefill(prompt.promptIds, 64), 'f16')
    for (let i = 1; i < steps; i++) expectStep(prompt, i, await sequence.decode(prompt.ids[i - 1]!), 'f16')
    model.destroy()
  })

  const wide: TinyModelOptions = { headDim: 256, heads: 16, kvHeads: 1, layers: 1 }
  it.each(quick ? [software, hardware] : [hardware])(
    'computes sixteen heads of 256 on one kv head, $name',
    async (variants) => {
      const tiny = tinyModel(wide)
      const expected = llamaLogits(tiny.shape, tiny.weights, ids, 'f32')
      const model = await loadModelBytes(tiny.file, { gpu, format: 'f32', variants })
      for (const [i, logits] of (await logitsOf(model)).entries()) {
        const wanted = expected[66 + i]!
        const scale = Math.sqrt(wanted.reduce((sum, value) => sum + value * value, 0) / wanted.length)
        const worst = wanted.reduce((most, value, id) => Math.max(most, Math.abs(value - logits[id]!)), 0)
        expect(worst).toBeLessThan(1e-4 * scale)
      }
      model.destroy()
    },
  )
})

describe('a device that binds few bytes at once', () => {
  const heads: TinyModelOptions = { hidden: 512, heads: 8, kvHeads: 2, headDim: 64 }
  const shape: TinyModelOptions = { ...heads, vocab: 2000, intermediate: 1376, layers: 2 }
  const limit = 512 * 1024
  const cases: readonly (readonly [string, TinyModelOptions])[] = [
    ['four bits', shape],
    ['an output matrix of its own, in floats', { ...shape, types: { ...allTypes('Q8_0'), output: 'F16' } }],
    ['biases of gate and up', { ...shape, gateBiases: true }],
  ]

  it.each(quick ? cases : cases.slice(0, 1))(
    'gives the bits of one that binds all, with %s',
    async (_, options) => {
      const { file } = tinyModel(options)
      // The matrices that lie in more than one buffer.
      const parts = new Map<string, number>()
      const narrow = watchDevices(narrowGpu(navigator.gpu, limit), (device) => {
        watchMethod(device, 'createBuffer', (buffer) => {
          const { label } = buffer as GPUBuffer
          parts.set(label, (parts.get(label) ?? 0) + 1)
        })
      })
      const format = 'f32'
      const maxTokens = 96
      const whole = await loadModelBytes(file, { format, maxTokens, maxBatchTokens: 64, maxSequences: 2 })
      const split = await loadModelBytes(file, {
        format,
        maxTokens,
        maxBatchTokens: 64,
        maxSequences: 2,
        gpu: narrow,
      })
      expect(await logitsOf(split)).toEqual(await logitsOf(whole))
      whole.destroy()
      split.destroy()
      const inParts = [...parts].filter(([, count]) => count > 1).map(([label]) => label)
      expect(inParts.some((label) => /gate, up/.test(label))).toBe(true)
      expect(inParts.some((label) => /embd|output|vocab|embedding/.test(label))).toBe(true)
    },
  )
})
