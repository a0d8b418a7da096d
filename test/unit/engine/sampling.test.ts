import { describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import type { SamplingRequest } from '../../../src/engine/generation'
import { maskOf } from '../../../src/model/sampling'
import { greedy } from '../../../src/model/step'
import { FakeRunner } from './fake-runner'
import { answers, expected, generate, openEnded, prompt, request } from './generate'

const sampler = (settings: Partial<SamplingRequest>) => ({
  sampler: { ...greedy, allowedIds: null, ...settings },
})
const penalized = sampler({ frequencyPenalty: 0.5 })

/** What the runner was told of the ids that penalties see. */
const histories = (runner: FakeRunner) =>
  runner.chunks.flatMap(({ sampler: s }) => (s?.history ? [s.history] : []))

describe('under penalties', () => {
  it('the runner learns the ids before the first draw, and counts those after it by itself', async () => {
    const runner = new FakeRunner()
    const { ids } = await generate(new Engine(runner), request(openEnded(20), {}, penalized))
    expect(ids).toEqual(expected(openEnded(20), 20))
    expect(histories(runner).length).toBe(1)
  })

  it('each of those in a batch has its own ids, whatever its slot had before', async () => {
    const runner = new FakeRunner()
    const engine = new Engine(runner)
    const prompts = Array.from({ length: 12 }, (_, i) => prompt(3 + 5 * i, i))
    const all = prompts.map((ids, i) => generate(engine, request(ids, {}, i % 3 === 0 ? {} : penalized)))
    expect((await Promise.all(all)).map(({ ids }) => ids)).toEqual(prompts.map((ids) => expected(ids, 20)))
    expect(histories(runner).length).toBe(8)
    engine.checkIntegrity()
  })

  it('what the prefix cache spared is told all the same', async () => {
    const runner = new FakeRunner()
    const engine = new Engine(runner)
    const ids = openEnded(20)
    await generate(engine, request(ids))
    const again = await generate(engine, request(ids, {}, penalized))
    expect(again.events.find(({ type }) => type === 'prompt')).toMatchObject({ cachedTokens: 4 })
    expect(again.ids).toEqual(expected(ids, 20))
  })

  it('each answer to a prompt counts for itself', async () => {
    const runner = new FakeRunner()
    const engine = new Engine(runner)
    const promptIds = openEnded(20)
    const seeds = [3, 4, 5]
    const asked = seeds.map((seed) => request(promptIds, {}, sampler({ seed, presencePenalty: 1 })))
    const all = await Promise.all(answers(engine, asked))
    expect(all.map(({ ids }) => ids)).toEqual(seeds.map((seed) => expected(promptIds, 20, { seed })))
    expect(histories(runner)).toEqual(seeds.map(() => ({ ids: promptIds, promptTokens: 5 })))
  })

  it('a preempted sequence tells its ids anew, the answer so far included', async () => {
    const runner = new FakeRunner({ blocks: 10 })
    const engine = new Engine(runner)
    const prompts = [openEnded(20), openEnded(20).map((id) => id + 1)]
    const run = (ids: number[]) =>
      generate(engine, request(ids, { maxTokens: 20, ignoreEos: true }, penalized))
    const all = await Promise.all(prompts.map(run))
    expect(all.map(({ ids }) => ids)).toEqual(prompts.map((ids) => expected(ids, 20, { ignoreEos: true })))
    expect(histories(runner).length).toBeGreaterThan(2)
    const last = histories(runner).at(-1)!
    expect(last.promptTokens).toBe(5)
    expect(last.ids.length).toBeGreaterThan(6)
    engine.checkIntegrity()
  })
})

describe('allowed ids', () => {
  it('are all that is drawn', async () => {
    const allowedIds = [5, 31, 32, 64, 999]
    const stop = { maxTokens: 30 }
    const engine = new Engine(new FakeRunner())
    const { ids } = await generate(engine, request(openEnded(20), stop, sampler({ allowedIds })))
    expect(ids).toHaveLength(30)
    expect(allowedIds).toEqual(expect.arrayContaining(ids))
    expect(new Set(ids).size).toBeGreaterThan(2)
  })

  it('may be none but what min_tokens holds back, which is refused before anything runs', async () => {
    const runner = new FakeRunner()
    const engine = new Engine(runner)
    const asked = request([1], { minTokens: 1, stopTokenIds: [7] }, sampler({ allowedIds: [0, 7] }))
    await expect(generate(engine, asked)).rejects.toMatchObject({
      code: 'invalid-request',
      message: 'No token may be drawn: none is allowed that is not held back as well.',
    })
    expect(runner.steps).toBe(0)
    const more = request([1], { minTokens: 1, stopTokenIds: [7] }, sampler({ allowedIds: [0, 7, 8] }))
    expect((await generate(engine, more)).ids[0]).toBe(8)
    engine.checkIntegrity()
  })
})

describe('a constraint', () => {
  const allowing = (ids: readonly number[]) => ({ constraint: { allowed: () => maskOf(ids, 1000) } })

  it('chooses among the allowed ids', async () => {
    const engine = new Engine(new FakeRunner())
    const asked = { ...sampler({ allowedIds: [4, 5, 700] }), ...allowing([5, 6, 700]) }
    const { ids } = await generate(engine, request(openEnded(20), {}, asked))
    expect(new Set(ids)).toEqual(new Set([5, 700]))
  })

  it.each<[string, Partial<SamplingRequest>, number]>([
    ['of the allowed ids', { allowedIds: [4] }, 0],
    ['but what min_tokens holds back', {}, 1],
  ])('that leaves none %s ends its generation alone', async (_, settings, minTokens) => {
    const engine = new Engine(new FakeRunner())
    const other = generate(engine, request(openEnded(20)))
    const asked = { ...sampler(settings), ...allowing([0]) }
    await expect(generate(engine, request([1], { minTokens }, asked))).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('No token may be drawn'),
    })
    expect((await other).ids).toEqual(expected(openEnded(20), 20))
    engine.checkIntegrity()
  })
})

describe('is refused, and no other request with it', () => {
  it.each<[string, Partial<SamplingRequest>, string]>([
    [
      'a bias for an id outside the vocabulary',
      { logitBias: [[1000, 1]] },
      'logit_bias has the token id 1000',
    ],
    ['such an allowed id', { allowedIds: [3, 1000] }, 'allowed_token_ids has the token id 1000'],
    ['no allowed id', { allowedIds: [] }, 'No token may be drawn'],
    [
      'more biases than there may be',
      { logitBias: Array.from({ length: 1025 }, (_, id) => [id % 1000, 1] as const) },
      'logit_bias has 1025 token ids; 1024',
    ],
  ])('%s', async (_, settings, message) => {
    const engine = new Engine(new FakeRunner())
    const other = generate(engine, request(openEnded(20)))
    await expect(generate(engine, request([1], {}, sampler(settings)))).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining(message),
      remedy: expect.stringMatching(/./),
    })
    expect((await other).ids).toEqual(expected(openEnded(20), 20))
    engine.checkIntegrity()
  })
})
