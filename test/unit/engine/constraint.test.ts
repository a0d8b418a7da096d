import { describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import type { TokenConstraint } from '../../../src/engine/generation'
import { maskOf } from '../../../src/model/sampling'
import { FakeRunner, nextId, tokensOf } from './fake-runner'
import { expected, generate, idle, openEnded, prompt, request } from './generate'

/** Counts up from 1, and knows what it was asked. */
class CountUp implements TokenConstraint {
  readonly asked: number[] = []

  allowed(ids: readonly number[], promptTokens: number): Uint32Array | null {
    const length = ids.length - promptTokens
    this.asked.push(length)
    return maskOf([length + 1], 1000)
  }
}

const counted = (tokens: number) => Array.from({ length: tokens }, (_, i) => i + 1)

describe('a generation with a constraint', () => {
  it('has each id drawn from what its answer so far allows', async () => {
    const constraint = new CountUp()
    const { ids } = await generate(
      new Engine(new FakeRunner()),
      request(prompt(9), { maxTokens: 7 }, { constraint }),
    )
    expect(ids).toEqual(counted(7))
    expect(constraint.asked).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('may draw any id where the constraint says nothing', async () => {
    const constraint: TokenConstraint = {
      allowed: (ids) => (ids.length === 12 ? maskOf([5], 1000) : null),
    }
    const ids = [...openEnded(9)]
    while (ids.length < 11) ids.push(nextId(ids, { allowed: ids.length === 12 ? maskOf([5], 1000) : null }))
    const answer = await generate(
      new Engine(new FakeRunner()),
      request(openEnded(9), { maxTokens: 8, ignoreEos: true }, { constraint }),
    )
    expect(answer.ids.slice(0, 6)).toEqual(ids.slice(5))
    expect(answer.ids[7]).toBe(5)
  })

  it('waits for its last id, while others in the same batch run ahead', async () => {
    const runner = new FakeRunner()
    const engine = new Engine(runner)
    const steps: string[][] = []
    const run = runner.run.bind(runner)
    runner.run = (chunks) => {
      steps.push(
        chunks.map(({ ids, start, slot }) =>
          start < 5 ? 'prompt' : `${slot}${ids === 'sampled' ? '*' : ''}`,
        ),
      )
      return run(chunks)
    }
    const free = generate(engine, request(openEnded(20), { maxTokens: 20 }))
    const bound = generate(engine, request(openEnded(20), { maxTokens: 8 }, { constraint: new CountUp() }))
    expect((await free).ids).toEqual(expected(openEnded(20), 20))
    expect((await bound).ids).toEqual(counted(8))
    // One step for each of the free one’s ids, each of which stays on the GPU; the bound one is in every second step.
    const decodes = steps.filter((step) => !step.includes('prompt'))
    expect(decodes.every((step) => step.includes('0*'))).toBe(true)
    expect(decodes.slice(0, 14).map((step) => step.includes('1'))).toEqual(
      Array.from({ length: 14 }, (_, i) => i % 2 === 1),
    )
  })

  it('ends with its error alone when the constraint throws or allows nothing', async () => {
    const engine = new Engine(new FakeRunner())
    const throwing = (at: number): TokenConstraint => ({
      allowed: (ids, promptTokens) => {
        if (ids.length - promptTokens === at) throw new Error('no such rule')
        return null
      },
    })
    const nothing: TokenConstraint = { allowed: () => new Uint32Array(32) }
    const ends = [throwing(0), throwing(3), nothing].map((constraint) =>
      generate(engine, request(openEnded(9), { maxTokens: 8 }, { constraint })).catch(
        ({ message }) => message,
      ),
    )
    const other = generate(engine, request(openEnded(9), { maxTokens: 9 }))
    expect(await Promise.all(ends)).toEqual([
      expect.stringContaining('no such rule'),
      expect.stringContaining('no such rule'),
      expect.stringContaining('No token may be drawn'),
    ])
    expect((await other).ids).toEqual(expected(openEnded(9), 9))
    await idle()
    engine.checkIntegrity()
    expect(engine.stats().blocksInUse).toBe(0)
  })

  it('asks the constraint once for each id, also after preemptions', async () => {
    const runner = new FakeRunner({ blocks: 10, maxContext: 40 })
    const engine = new Engine(runner)
    const constraint = new CountUp()
    const older = generate(engine, request(prompt(8, 1), { maxTokens: 24, ignoreEos: true }))
    const bound = generate(engine, request(prompt(8, 2), { maxTokens: 24 }, { constraint }))
    expect((await bound).ids).toEqual(counted(24))
    expect(constraint.asked).toEqual(Array.from({ length: 24 }, (_, i) => i))
    expect((await older).ids).toEqual(expected(prompt(8, 1), 24, { ignoreEos: true }))
    // It was preempted: part of its answer was computed again, several ids at once.
    expect(runner.chunks.some((chunk) => chunk.start + tokensOf(chunk) > 9 && tokensOf(chunk) > 1)).toBe(true)
  })

  it('gives its blocks back when it is aborted at any step', async () => {
    for (let tokens = 0; tokens < 6; tokens++) {
      const engine = new Engine(new FakeRunner())
      const controller = new AbortController()
      let seen = 0
      const bound = generate(
        engine,
        request(prompt(9), {}, { constraint: new CountUp() }),
        controller.signal,
        () => {
          if (++seen > tokens) controller.abort()
        },
      )
      const other = generate(engine, request(openEnded(9), { maxTokens: 9 }))
      await expect(bound).rejects.toMatchObject({ code: 'aborted' })
      expect((await other).ids).toEqual(expected(openEnded(9), 9))
      await idle()
      engine.checkIntegrity()
      expect(engine.stats().blocksInUse).toBe(0)
    }
  })
})
