import type { ModelInspection } from 'octavo'
import { describe, expect, it } from 'vitest'
import { modelTitle } from '../../../demo/model/model-choice'
import { fittingChoice, modelFacts } from '../../../demo/model/model-facts'

const choice = { model: 'someone/Big-GGUF:Q8_0', endpoint: null, bytes: null, license: null }
const sizes = { files: 1, gpuBytes: null }
const found: ModelInspection = {
  model: {
    reference: choice.model,
    repo: 'someone/Big-GGUF',
    revision: 'a'.repeat(40),
    architecture: 'llama',
    name: 'Big',
    parameters: 8e9,
    quantization: 'Q8_0',
    contextLength: 131072,
    licence: 'apache-2.0',
  },
  files: [{ path: 'Big-Q8_0.gguf', bytes: 8.5e9 }],
  downloadBytes: 8.5e9,
  features: { chat: true, tools: true, reasoning: false, embeddings: false, rerank: false },
  gpu: { bytes: 9.6e9, weightBytes: 8.5e9, kvCacheBytes: 1e9, contextTokens: 8192 },
  fits: false,
  reasons: [{ code: 'gpu-out-of-memory', message: 'Too large.', remedy: 'Take another.' }],
  quantizations: [
    { ...sizes, reference: 'someone/Big-GGUF@a:Big-Q2_K.gguf', name: 'Q2_K', bytes: 3e9, fits: true },
    { ...sizes, reference: 'someone/Big-GGUF@a:Big-Q4_K_M.gguf', name: 'Q4_K_M', bytes: 4.9e9, fits: true },
    { ...sizes, reference: 'someone/Big-GGUF@a:Big-Q8_0.gguf', name: 'Q8_0', bytes: 8.5e9, fits: false },
  ],
}

describe('the facts of a model', () => {
  it('are few until its file has been looked at', () => {
    expect(modelFacts(choice, null).map(([name]) => name)).toEqual(['Model', 'Size', 'Licence'])
  })

  it('say what it is, what it takes and what it can do', () => {
    expect(modelFacts(choice, found)).toEqual([
      ['Model', 'Big, Q8_0'],
      ['Kind', 'llama, 8.0 B parameters, Q8_0'],
      ['Size', '8.50 GB, downloaded once'],
      ['On the GPU', '9.60 GB'],
      ['Context', '8,192 tokens'],
      ['Made for', 'chat, tools'],
      ['Licence', 'apache-2.0'],
    ])
  })

  it('lead, where the model does not fit, to the largest quantization that does', () => {
    const fitting = fittingChoice(choice, found)!
    expect(fitting).toMatchObject({ model: 'someone/Big-GGUF@a:Big-Q4_K_M.gguf', bytes: 4.9e9 })
    expect(modelTitle(fitting)).toContain('Q4_K_M')
    expect(fittingChoice(choice, { ...found, fits: true })).toBeNull()
    expect(fittingChoice(choice, { ...found, quantizations: [] })).toBeNull()
  })
})
