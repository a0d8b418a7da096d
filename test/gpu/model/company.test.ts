import { expect, inject, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import { type Generated, generate, RecordingEngine, type TestGeneration } from '../../support/generate'
import { goldenPrompts } from '../../support/golden-prompts'
import { loadModelBytes, loadModelUrl, realModelUrl } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'
import { randomNumbers } from '../../support/tiny-model-tensors'

const company = 16

/** Half of them greedy, half drawn with a seed of their own. */
function request(promptIds: readonly number[], i: number, maxTokens: number): TestGeneration {
  const sampler = i % 2 === 0 ? {} : { temperature: 0.9, topP: 0.95, seed: 1000 + i }
  return { promptIds, maxTokens, sampler }
}

/** Each request alone, then all of them at once: the same tokens and the same bits of log-probabilities. */
async function expectSameInCompany(model: LoadedModel, requests: readonly TestGeneration[]): Promise<void> {
  const alone: Generated[] = []
  for (const each of requests) alone.push(await generate(new RecordingEngine(model.runner), each))
  const engine = new RecordingEngine(model.runner)
  expect(await Promise.all(requests.map((each) => generate(engine, each)))).toEqual(alone)
  expect(Math.max(...engine.steps.map((step) => step.length))).toBe(company)
  engine.checkIntegrity()
}

it('gives each of sixteen requests the tokens and the bits that it has alone', async () => {
  const tiny = tinyModel({ heads: 6, kvHeads: 2, headDim: 32 })
  const random = randomNumbers(11)
  const model = await loadModelBytes(tiny.file, { maxSequences: company, maxTokens: 2048 })
  const requests = Array.from({ length: company }, (_, i) =>
    request(
      Array.from({ length: 1 + 2 * i }, () => Math.floor(tiny.shape.vocab * random())),
      i,
      24,
    ),
  )
  await expectSameInCompany(model, requests)
  model.destroy()
})

// SwiftShader takes seconds a token of the real model.
if (inject('adapter') === 'lavapipe') {
  it('gives each of sixteen requests to SmolLM2 the tokens and the bits that it has alone', async () => {
    const model = await loadModelUrl(realModelUrl, { maxSequences: company, maxTokens: 2048 })
    const prompts = goldenPrompts(1, 60).slice(-company)
    // All prompts are in before the shortest answer ends.
    const requests = prompts.map(({ promptIds }, i) => request(promptIds.slice(0, 16), i, 24))
    await expectSameInCompany(model, requests)
    model.destroy()
  })
}
