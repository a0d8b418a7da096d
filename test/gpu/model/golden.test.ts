import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import { greedy } from '../../../src/model/step'
import perplexity from '../../golden/smollm2/perplexity.json'
import { ForcedSequence } from '../../support/force-tokens'
import { type Generated, generate, RecordingEngine } from '../../support/generate'
import {
  certainIds,
  eosId,
  expectStep,
  type GoldenFormat,
  type GoldenPrompt,
  goldenPrompt,
  goldenPrompts,
} from '../../support/golden-prompts'
import { loadModelUrl, realModelUrl } from '../../support/load-model'

// SwiftShader takes seconds a token: there one short prompt and a few tokens of the passage must do.
const fast = inject('adapter') === 'lavapipe'
const long = inject('long')
/** Sequences that decode together; the reference's ids are the same in any company. */
const together = 4
const chunkTokens = 64

// SwiftShader takes half a minute for each model: the exact cache is for the others.
for (const format of fast || long ? (['f16', 'f32'] as const) : (['f16'] as const)) {
  describe(`SmolLM2-135M-Instruct with a cache of ${format}`, () => {
    let model: LoadedModel
    beforeAll(async () => {
      const maxTokens = long ? 3072 : together * 384
      model = await loadModelUrl(realModelUrl, { format, maxTokens, maxSequences: together })
    })
    afterAll(() => model.destroy())

    const alone = goldenPrompt('fact')
    it(`gives the reference’s tokens for ${alone.id}, one token a step`, async () => {
      const steps = fast ? alone.ids.length : 4
      await forceAlone(model, alone, steps, format)
    })

    for (const group of groups(promptsFor(format))) {
      const names = group.map(({ id }) => id).join(', ')
      it(`gives the reference’s tokens for ${names}, together`, () => forceTogether(model, group, format))
    }

    const scored = long ? perplexity.ids.length : fast ? 96 : 8
    it(`gives the reference’s probabilities of ${scored} tokens of a passage`, () =>
      scorePassage(model, scored, format))

    if (fast) {
      it('gives four prompts at once the bits that each has alone', () => compareCompany(model))
    }

    const free = fast ? ['chat-2', 'python'] : [alone.id]
    it(`runs free to the reference’s ids for ${free.join(' and ')}`, async () => {
      const engine = new RecordingEngine(model.runner)
      await Promise.all(free.map((id) => runFree(engine, goldenPrompt(id), format)))
      engine.checkIntegrity()
      expect(engine.stats().blocksInUse).toBe(0)
    })
  })
}

/** By how much the perplexity may differ from the reference’s: what `npm run bench:perplexity` shows, and a margin. */
const quantizedTolerance = { int8: 0.01, int4: 0.15 }
if (fast) {
  it.each(['int8', 'int4'] as const)(
    'gives a passage nearly the perplexity of an exact cache, %s',
    async (format) => {
      const tokens = long ? perplexity.ids.length : 200
      const model = await loadModelUrl(realModelUrl, { format, maxTokens: tokens + 32 })
      const { ratio } = await perplexityRatio(model, tokens)
      model.destroy()
      expect(Math.abs(ratio - 1), `${ratio} of the reference’s`).toBeLessThan(quantizedTolerance[format])
    },
  )
}

/** All prompts up to 300 tokens with the cache as shipped, some with the exact one; the long ones when asked for. */
function promptsFor(format: GoldenFormat): GoldenPrompt[] {
  if (!fast) return []
  const most = format === 'f16' || long ? 300 : 30
  return [...goldenPrompts(1, most), ...(long ? goldenPrompts(301, 3000) : [])]
}

/** Prompts that decode together; a long one has the cache to itself. */
function groups(prompts: readonly GoldenPrompt[]): GoldenPrompt[][] {
  const short = prompts.filter(({ promptIds }) => promptIds.length <= 300)
  const many = Array.from({ length: Math.ceil(short.length / together) }, (_, i) =>
    short.slice(i * together, (i + 1) * together),
  )
  return [...many, ...prompts.filter(({ promptIds }) => promptIds.length > 300).map((prompt) => [prompt])]
}

async function forceAlone(
  model: LoadedModel,
  prompt: GoldenPrompt,
  steps: number,
  format: GoldenFormat,
): Promise<void> {
  const sequence = new ForcedSequence(model.runner, 0, prompt.promptIds.length + steps)
  expectStep(prompt, 0, await sequence.prefill(prompt.promptIds, chunkTokens), format)
  for (let i = 1; i < steps; i++) {
    expectStep(prompt, i, await sequence.decode(prompt.ids[i - 1]!), format)
  }
}

async function forceTogether(
  model: LoadedModel,
  prompts: readonly GoldenPrompt[],
  format: GoldenFormat,
): Promise<void> {
  const { runner } = model
  const longest = Math.max(...prompts.map(({ promptIds, ids }) => promptIds.length + ids.length))
  const running = prompts.map((prompt, slot) => ({
    prompt,
    sequence: new ForcedSequence(runner, slot, longest),
  }))
  for (const { prompt, sequence } of running) {
    expectStep(prompt, 0, await sequence.prefill(prompt.promptIds, chunkTokens), format)
  }
  for (let i = 1; ; i++) {
    const left = running.filter(({ prompt }) => i < prompt.ids.length)
    if (left.length === 0) return
    const results = await runner.run(
      left.map(({ prompt, sequence }) => sequence.chunk([prompt.ids[i - 1]!], { sampler: greedy })),
    )
    const logits = await runner.readLogits(left.length)
    const { vocabSize } = runner.limits
    left.forEach(({ prompt }, row) => {
      const own = logits.subarray(row * vocabSize, (row + 1) * vocabSize)
      expectStep(prompt, i, { best: results[row]!.sampledId!, logits: own }, format)
    })
  }
}

async function compareCompany({ runner }: LoadedModel): Promise<void> {
  const prompts = ['fact', 'story', 'french', 'python'].map(goldenPrompt)
  const run = (engine: RecordingEngine, { promptIds }: GoldenPrompt) =>
    generate(engine, { promptIds, maxTokens: 5, promptLogprobs: 1 })
  const alone: Generated[] = []
  for (const prompt of prompts) alone.push(await run(new RecordingEngine(runner), prompt))
  for (const count of [2, 4]) {
    const engine = new RecordingEngine(runner)
    const results = await Promise.all(prompts.slice(0, count).map((prompt) => run(engine, prompt)))
    expect(results).toEqual(alone.slice(0, count))
    engine.checkIntegrity()
  }
}

/** Of one log-probability; measured by the reference for a cache of f16: 0.0075, by llama.cpp in f32: 0.00008. */
const logprobTolerance = { f16: 0.02, f32: 0.001 }

/** Scores a passage's first tokens; and its perplexity over the reference's. */
async function perplexityRatio(model: LoadedModel, tokens: number) {
  const ids = perplexity.ids.slice(0, tokens)
  const sequence = new ForcedSequence(model.runner, 0, tokens)
  const scores = await sequence.score(ids.slice(0, -1), ids.slice(1), 1)
  const expected = perplexity.logprobs.slice(0, tokens - 1)
  const ratio = perplexityOf(scores.map(({ logprob }) => logprob)) / perplexityOf(expected)
  return { ids, scores, expected, ratio }
}

async function scorePassage(model: LoadedModel, tokens: number, format: GoldenFormat): Promise<void> {
  const { ids, scores, expected, ratio } = await perplexityRatio(model, tokens)
  scores.forEach(({ id, logprob }, i) => {
    expect(id).toBe(ids[i + 1])
    expect(Math.abs(logprob - expected[i]!), `token ${i + 1}`).toBeLessThan(logprobTolerance[format])
  })
  expect(Math.abs(ratio - 1)).toBeLessThan(perplexity.relativeTolerance[format])
}

function perplexityOf(logprobs: readonly number[]): number {
  return Math.exp(-logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length)
}

async function runFree(engine: RecordingEngine, prompt: GoldenPrompt, format: GoldenFormat): Promise<void> {
  const certain = certainIds(prompt, format).slice(0, fast ? 48 : 8)
  const { promptIds } = prompt
  const { ids } = await generate(engine, { promptIds, maxTokens: certain.length, eosIds: [eosId] })
  expect(ids).toEqual(certain)
}
