import { describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import type { RunnerLimits } from '../../../src/model/step'
import { FakeRunner, tokensOf } from './fake-runner'
import { answers, expected, generate, idle, openEnded, prompt, request } from './generate'

const hasState = true

function loaded(limits: Partial<RunnerLimits> = {}) {
  const runner = new FakeRunner({ hasState, ...limits })
  return { runner, engine: new Engine(runner) }
}

const six = (promptIds: number[], seed = 0) => {
  const one = request(promptIds, { maxTokens: 6, ignoreEos: true })
  return { ...one, sampler: { ...one.sampler, seed } }
}

const answer = (promptIds: number[], seed = 0) => expected(promptIds, 6, { seed, ignoreEos: true, hasState })

function tokensComputed({ chunks }: FakeRunner, below: number): number {
  return chunks.filter(({ start }) => start < below).reduce((sum, chunk) => sum + tokensOf(chunk), 0)
}

describe('an engine of a model that keeps a state', () => {
  it('computes a prompt that it has seen before from its first token', async () => {
    const { runner, engine } = loaded()
    for (const turn of [1, 2]) {
      const { ids, events } = await generate(engine, six(prompt(20)))
      expect(ids).toEqual(answer(prompt(20)))
      expect(events.find((event) => event.type === 'prompt')).toMatchObject({ cachedTokens: 0 })
      expect(tokensComputed(runner, 20)).toBe(20 * turn)
    }
    expect(engine.stats()).toMatchObject({ prefixHitTokens: 0, cachedBlocks: 0, blocksInUse: 0 })
    expect(engine.prefixCache).toContain('state')
    expect(new Engine(new FakeRunner()).prefixCache).toBe('on')
  })

  it('begins anew in a slot whose sequence was aborted, with a token on its way', async () => {
    const { engine } = loaded({ maxSequences: 1 })
    const controller = new AbortController()
    let tokens = 0
    const aborted = generate(engine, request(openEnded(20)), controller.signal, () => {
      if (++tokens === 3) controller.abort()
    })
    const next = generate(engine, six(prompt(9)))
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    expect((await next).ids).toEqual(answer(prompt(9)))
  })

  it('computes what was preempted from its first token', async () => {
    const { runner, engine } = loaded({ blocks: 12, maxContext: 40 })
    const prompts = [prompt(14, 1), prompt(15, 2), prompt(13, 3)]
    const got = await Promise.all(prompts.map((each) => generate(engine, six(each))))
    got.forEach(({ ids }, i) => {
      expect(ids).toEqual(answer(prompts[i]!))
    })
    expect(tokensComputed(runner, 13)).toBeGreaterThan(3 * 13)
    engine.checkIntegrity()
  })
})

describe('several answers to a prompt, of a model that keeps a state', () => {
  it('compute it once, and its last token each', async () => {
    for (const length of [2, 5, 9, 30, 70]) {
      const { runner, engine } = loaded({ maxBatchTokens: 32 })
      const four = [0, 1, 2, 3].map((seed) => six(prompt(length), seed))
      const promptIds = four[0]!.promptIds
      const got = await Promise.all(
        answers(
          engine,
          four.map((each) => ({ ...each, promptIds })),
        ),
      )
      got.forEach(({ ids }, seed) => {
        expect(ids).toEqual(answer(prompt(length), seed))
      })
      expect(tokensComputed(runner, length)).toBe(length + 3)
      expect(runner.chunks.filter(({ copyState }) => copyState !== null)).toHaveLength(3)
      await idle()
      engine.checkIntegrity()
    }
  })

  it('compute it anew where there was no slot when it was computed', async () => {
    const { runner, engine } = loaded({ maxSequences: 2 })
    const promptIds = prompt(11)
    const three = [0, 1, 2].map((seed) => ({ ...six(promptIds, seed), promptIds }))
    const got = await Promise.all(answers(engine, three))
    got.forEach(({ ids }, seed) => {
      expect(ids).toEqual(answer(promptIds, seed))
    })
    expect(tokensComputed(runner, 11)).toBe(11 + 1 + 11)
  })
})
