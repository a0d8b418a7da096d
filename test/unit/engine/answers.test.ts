import { describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import type { GenerationRequest } from '../../../src/engine/generation'
import type { RunnerLimits } from '../../../src/model/step'
import { FakeRunner, tokensOf } from './fake-runner'
import { type Answer, answers, expected, generate, idle, prompt, request } from './generate'

/** The same array, which says that they are answers to one prompt. */
const shared = prompt(30)

const asked = (promptIds: number[], seed: number, rest: Partial<GenerationRequest> = {}) => {
  const one = request(promptIds, { maxTokens: 6, ignoreEos: true }, rest)
  return { ...one, sampler: { ...one.sampler, seed } }
}

async function several(promptIds: number[], count: number, limits: Partial<RunnerLimits> = {}) {
  const runner = new FakeRunner({ maxSequences: 8, ...limits })
  const engine = new Engine(runner)
  const requests = Array.from({ length: count }, (_, seed) => asked(promptIds, seed))
  const got = await Promise.all(answers(engine, requests))
  await idle()
  engine.checkIntegrity()
  expect(engine.stats().blocksInUse).toBe(0)
  return { runner, engine, got }
}

/** Tokens that were computed of prompts, not of answers: answers are computed one token at a time, after the prompt. */
function promptTokensComputed({ chunks }: FakeRunner, promptTokens: number): number {
  return chunks.filter(({ start }) => start < promptTokens).reduce((sum, chunk) => sum + tokensOf(chunk), 0)
}

function expectAlone(got: readonly Answer[], promptIds: readonly number[]): void {
  got.forEach(({ ids }, seed) => {
    expect(ids).toEqual(expected(promptIds, 6, { seed, ignoreEos: true }))
  })
}

describe('several answers to a prompt', () => {
  it('compute it once, and its last token once more for each further answer', async () => {
    for (const length of [2, 4, 5, 8, 9, 30, 33]) {
      for (const count of [2, 5, 8]) {
        const { runner, got } = await several(prompt(length), count)
        expect(promptTokensComputed(runner, length)).toBe(length + count - 1)
        expectAlone(got, prompt(length))
      }
    }
  })

  it('compute it once too where it takes several steps', async () => {
    const { runner, got } = await several(prompt(70), 4, { maxBatchTokens: 16 })
    expect(promptTokensComputed(runner, 70)).toBe(73)
    expectAlone(got, prompt(70))
  })

  it('share its full blocks, and have a copy of the last one that is not full', async () => {
    const { runner } = await several(shared, 3)
    const firsts = runner.chunks.filter(({ start }) => start === 29)
    expect(firsts).toHaveLength(2)
    const copies = firsts.map(({ copyBlock }) => copyBlock!)
    expect(copies[0]!.from).toBe(copies[1]!.from)
    expect(new Set([copies[0]!.from, copies[0]!.to, copies[1]!.to]).size).toBe(3)
    // Seven full blocks, and for each answer two of its own up to token 36.
    expect(new Set(runner.chunks.flatMap(({ blocks }) => blocks)).size).toBe(7 + 3 * 2)
  })

  it('say of the cache what the first one says', async () => {
    const runner = new FakeRunner()
    const engine = new Engine(runner)
    await generate(engine, asked(shared, 9))
    const got = await Promise.all(
      answers(
        engine,
        [0, 1].map((seed) => asked(shared, seed)),
      ),
    )
    const cached = got.map(({ events }) => events.find((event) => event.type === 'prompt')!.cachedTokens)
    expect(cached).toEqual([28, 28])
    expect(engine.stats().prefixHitTokens).toBe(28)
  })

  it('do without the first one where it was aborted, at whatever step', async () => {
    for (let steps = 0; steps < 9; steps++) {
      const runner = new FakeRunner({ maxBatchTokens: 8 })
      const engine = new Engine(runner)
      const first = new AbortController()
      const run = runner.run.bind(runner)
      runner.run = (chunks) => {
        if (runner.steps === steps) queueMicrotask(() => first.abort())
        return run(chunks)
      }
      const requests = [0, 1, 2].map((seed) => asked(shared, seed))
      const [aborted, ...others] = answers(engine, requests, [first.signal])
      await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
      for (const [i, other] of others.entries())
        expect((await other).ids).toEqual(expected(shared, 6, { seed: i + 1, ignoreEos: true }))
      await idle()
      engine.checkIntegrity()
      expect(engine.stats().blocksInUse).toBe(0)
    }
  })

  it('have their ids also when blocks are few and the first is preempted', async () => {
    let preempted = 0
    for (let blocks = 10; blocks < 24; blocks++) {
      const { runner, got } = await several(shared, 5, { blocks, maxContext: 40 })
      expectAlone(got, shared)
      preempted += promptTokensComputed(runner, 30) > 34 ? 1 : 0
    }
    expect(preempted).toBeGreaterThan(0)
  })

  it('each compute it where the log-probabilities of the prompt are wanted', async () => {
    const runner = new FakeRunner()
    const requests = [0, 1].map((seed) => asked(shared, seed, { promptLogprobs: 0 }))
    const got = await Promise.all(answers(new Engine(runner), requests))
    for (const { events } of got) {
      const { logprobs } = events.find((event) => event.type === 'prompt')!
      expect(logprobs?.map((each) => each?.id ?? null)).toEqual([null, ...shared.slice(1)])
    }
    expect(promptTokensComputed(runner, 30)).toBe(60)
  })
})

describe('a request for more answers than an engine takes', () => {
  const engine = () => new Engine(new FakeRunner({ maxSequences: 2 }), { maxWaiting: 3 })
  const requests = (count: number) => Array.from({ length: count }, (_, seed) => asked(prompt(9), seed))
  it('is refused whole and at once, and the error names the limits', async () => {
    const small = engine()
    expect(() => answers(small, requests(6))).toThrowError(
      expect.objectContaining({
        code: 'invalid-request',
        message: expect.stringMatching(/6 answers.*takes 5: maxSequences is 2 and maxWaiting 3/),
      }),
    )
    expect(small.stats()).toMatchObject({ runningSequences: 0, waitingSequences: 0 })
    await Promise.all(answers(small, requests(5)))
  })

  it('is refused whole while others leave too few places', async () => {
    const small = engine()
    const others = answers(small, requests(3))
    expect(() => answers(small, requests(3))).toThrowError(
      expect.objectContaining({
        code: 'queue-full',
        message: expect.stringMatching(/takes 2 more, and 3 came/),
      }),
    )
    const { runningSequences, waitingSequences } = small.stats()
    expect(runningSequences + waitingSequences).toBe(3)
    await Promise.all(others)
    await Promise.all(answers(small, requests(3)))
  })

  it('is refused whole where one of its prompts is too long', () => {
    const small = engine()
    expect(() => answers(small, [asked(prompt(9), 1), asked(prompt(250), 2)])).toThrowError(
      expect.objectContaining({ code: 'context-too-long' }),
    )
    expect(small.stats()).toMatchObject({ runningSequences: 0, waitingSequences: 0 })
  })
})
