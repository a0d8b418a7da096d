import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SamplingRequest } from '../../../src/engine/generation'
import type { LoadedModel } from '../../../src/model/load'
import { greedy } from '../../../src/model/step'
import { adjustLogits } from '../../reference/adjust_logits'
import { logprobs } from '../../reference/logprobs'
import { sample } from '../../reference/sample'
import { ForcedSequence } from '../../support/force-tokens'
import { type Generated, generate, RecordingEngine } from '../../support/generate'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'
import { randomNumbers } from '../../support/tiny-model-tensors'

/** A vocabulary that fills no whole word of a mask. */
const vocab = 331
const tiny = tinyModel({ vocab })
const random = randomNumbers(11)
const ids = (count: number) => Array.from({ length: count }, () => Math.floor(vocab * random()))
const maxTokens = 24

interface Case {
  readonly name: string
  readonly promptIds: readonly number[]
  readonly sampler: Partial<SamplingRequest>
}

/** All from one prompt and seed, so that only what they ask for tells their answers apart. */
const promptIds = ids(40)
const warm = { temperature: 0.9, seed: 5 }
const cases: readonly Case[] = [
  { name: 'nothing', sampler: {} },
  { name: 'nothing, drawn', sampler: warm },
  { name: 'a repetition penalty', sampler: { repetitionPenalty: 1.8 } },
  { name: 'a repetition penalty, drawn', sampler: { ...warm, repetitionPenalty: 1.5, topK: 40 } },
  { name: 'a presence penalty', sampler: { presencePenalty: 1.5 } },
  { name: 'a frequency penalty, drawn', sampler: { ...warm, frequencyPenalty: 0.8, topP: 0.9 } },
  {
    name: 'biases, drawn',
    sampler: { ...warm, logitBias: ids(60).map((id, i) => [id, i % 2 === 0 ? -100 : 3] as const) },
  },
  { name: 'allowed ids, drawn', sampler: { ...warm, allowedIds: [...ids(20), 330] } },
  {
    name: 'all of them',
    sampler: {
      ...warm,
      minP: 0.02,
      repetitionPenalty: 1.2,
      presencePenalty: 0.3,
      frequencyPenalty: 0.2,
      logitBias: [[9, -2] as const, [330, 4] as const],
      allowedIds: ids(120),
    },
  },
].map((each) => ({ ...each, promptIds }))

/** The reference’s draw after each token, of the logits that the model gives for the ids that were drawn before. */
async function expectTwin(model: LoadedModel, { promptIds, sampler }: Case, got: Generated): Promise<void> {
  const settings = { ...greedy, allowedIds: null, ...sampler }
  const sequence = new ForcedSequence(model.runner, 0, promptIds.length + maxTokens)
  let { logits } = await sequence.prefill(promptIds, 64)
  for (const [i, id] of got.ids.entries()) {
    const adjusted = adjustLogits(logits, { ...settings, promptIds, answerIds: got.ids.slice(0, i) })
    const position = promptIds.length + i - 1
    const draw = sample(adjusted, { ...settings, position }, { mass: 1e-4, noise: 1e-4 })
    expect([...draw.accepted], `token ${i}`).toContain(id)
    // What is reported is the model’s own distribution, whatever was drawn from.
    expect(got.logprobs[i]!.logprob).toBeCloseTo(logprobs(logits, id, 1).logprob, 4)
    if (i + 1 < got.ids.length) logits = (await sequence.decode(id)).logits
  }
}

let model: LoadedModel
let alone: Generated[]
beforeAll(async () => {
  model = await loadModelBytes(tiny.file, { maxSequences: cases.length, maxTokens: 1024 })
  alone = []
  for (const each of cases) {
    const engine = new RecordingEngine(model.runner)
    alone.push(await generate(engine, { ...each, maxTokens }))
    // Every id but the last is computed before it is read back.
    const ahead = engine.steps.flat().filter((chunk) => chunk.ids === 'sampled')
    expect(ahead).toHaveLength(maxTokens - 1)
  }
})
afterAll(() => model.destroy())

describe('the drawn ids are the reference’s with', () => {
  it.each(cases.map((each, i) => ({ ...each, i })))('$name', async ({ i }) => {
    expect(alone[i]!.ids).toHaveLength(maxTokens)
    await expectTwin(model, cases[i]!, alone[i]!)
  })

  it('settings that each change the answer', () => {
    const answers = alone.map(({ ids }) => ids.join())
    expect(new Set(answers).size).toBe(cases.length)
  })
})

it('gives the same ids and log-probabilities to all of them in one batch', async () => {
  const engine = new RecordingEngine(model.runner)
  const together = await Promise.all(cases.map((each) => generate(engine, { ...each, maxTokens })))
  expect(together).toEqual(alone)
  expect(Math.max(...engine.steps.map((step) => step.length))).toBe(cases.length)
  engine.checkIntegrity()
})

it('gives a preempted sequence the draws that it would have had', async () => {
  const answerTokens = 60
  const pair = [cases[3]!, cases[8]!]
  const small = await loadModelBytes(tiny.file, { maxTokens: 160, maxBatchTokens: 48 })
  const expected: Generated[] = []
  for (const each of pair) {
    expected.push(await generate(new RecordingEngine(small.runner), { ...each, maxTokens: answerTokens }))
  }
  const engine = new RecordingEngine(small.runner)
  const prompts = pair.map((each) => generate(engine, { ...each, maxTokens: answerTokens }))
  expect(await Promise.all(prompts)).toEqual(expected)
  const histories = engine.steps.flat().flatMap(({ sampler }) => (sampler?.history ? [sampler.history] : []))
  expect(histories.length).toBeGreaterThan(2)
  expect(Math.max(...histories.map(({ ids }) => ids.length))).toBeGreaterThan(promptIds.length)
  engine.checkIntegrity()
  small.destroy()
})

it('gives penalties their prompt also where the prefix cache had its keys and values', async () => {
  const engine = new RecordingEngine(model.runner)
  const [first, second] = [cases[0]!, cases[2]!]
  await generate(engine, { ...first, maxTokens: 2 })
  expect(await generate(engine, { ...second, maxTokens })).toEqual(alone[2])
  expect(engine.stats().prefixHitTokens).toBeGreaterThan(0)
})
