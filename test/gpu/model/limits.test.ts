import { describe, expect, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import { ForcedSequence } from '../../support/force-tokens'
import { narrowGpu } from '../../support/limited-gpu'
import { loadModelBytes } from '../../support/load-model'
import { allTypes, type TinyModelOptions, tinyModel } from '../../support/tiny-model'
import { watchDevices, watchMethod } from '../../support/watch-device'

const ids = Array.from({ length: 70 }, (_, i) => (37 * i + 11) % 200)

/** The logits after a prompt in two chunks, and after three tokens more. */
async function logitsOf({ runner }: LoadedModel): Promise<Float32Array[]> {
  const sequence = new ForcedSequence(runner, 0, 96)
  const all = [(await sequence.prefill(ids.slice(0, 67), 50)).logits]
  for (const id of ids.slice(67)) all.push((await sequence.decode(id)).logits)
  return all
}

describe('a device that binds few bytes at once', () => {
  const shape: TinyModelOptions = { vocab: 1500, intermediate: 1376, layers: 2 }
  const limit = 48 * 1024
  const cases: readonly (readonly [string, TinyModelOptions])[] = [
    ['four bits', shape],
    ['an output matrix of its own, in floats', { ...shape, types: { ...allTypes('Q8_0'), output: 'F16' } }],
    ['biases of gate and up', { ...shape, gateBiases: true }],
  ]

  it.each(cases)('gives the bits of one that binds all, with %s', async (_, options) => {
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
  })
})
