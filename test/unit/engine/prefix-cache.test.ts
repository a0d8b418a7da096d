import { describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import { FakeRunner } from './fake-runner'
import { type Answer, expected, generate, openEnded, prompt, request } from './generate'

describe('the prefix cache', () => {
  /** Prompts of 30 tokens, the first 17 in common; blocks hold 4. */
  const common = prompt(17, 1)
  const prompted = (seed: number) => [...common, ...prompt(13, seed)]
  const cachedTokens = ({ events }: Answer) =>
    events.flatMap((event) => (event.type === 'prompt' ? [event.cachedTokens] : []))

  it('spares a prompt the whole blocks that it shares with one before, and changes no id', async () => {
    const runner = new FakeRunner()
    const engine = new Engine(runner)
    expect(cachedTokens(await generate(engine, request(prompted(2))))).toEqual([0])
    const before = runner.chunks.length
    const second = await generate(engine, request(prompted(3)))
    expect(cachedTokens(second)).toEqual([16])
    expect(second.ids).toEqual(expected(prompted(3), 20))
    expect(runner.chunks[before]).toMatchObject({ start: 16 })
    expect(engine.stats()).toMatchObject({ prefixHitTokens: 16 })
    engine.checkIntegrity()
  })

  it('knows a conversation’s answer in its next turn', async () => {
    const engine = new Engine(new FakeRunner())
    const { ids } = await generate(engine, request(openEnded(20)))
    const next = [...openEnded(20), ...ids, ...prompt(6, 9)]
    // The last id of the answer was drawn and never computed.
    const known = openEnded(20).length + ids.length - 1
    expect(cachedTokens(await generate(engine, request(next)))).toEqual([known - (known % 4)])
  })

  it('computes the last token of a prompt that it knows whole', async () => {
    const engine = new Engine(new FakeRunner())
    for (const cached of [0, 16]) {
      const answer = await generate(engine, request(prompt(20)))
      expect(cachedTokens(answer)).toEqual([cached])
      expect(answer.ids).toEqual(expected(prompt(20), 20))
    }
  })

  it('is shared by sequences that run at the same time', async () => {
    const engine = new Engine(new FakeRunner({ blocks: 24, maxContext: 60 }))
    let second: Promise<Answer> | null = null
    const first = await generate(engine, request(prompted(2)), undefined, () => {
      second ??= generate(engine, request(prompted(3)))
      engine.checkIntegrity()
    })
    expect(first.ids).toEqual(expected(prompted(2), 20))
    expect(cachedTokens(await second!)).toEqual([16])
    expect((await second!).ids).toEqual(expected(prompted(3), 20))
  })

  it('gives up what was used longest ago when blocks run out', async () => {
    const engine = new Engine(new FakeRunner({ blocks: 16, maxContext: 60 }))
    await generate(engine, request(prompt(24, 1), { maxTokens: 1 }))
    await generate(engine, request(prompt(24, 2), { maxTokens: 1 }))
    expect(engine.stats()).toMatchObject({ cachedBlocks: 12, prefixEvictions: 0 })
    await generate(engine, request(prompt(24, 3), { maxTokens: 1 }))
    expect(engine.stats().prefixEvictions).toBe(2)
    // The last blocks of the oldest prompt went first.
    expect(cachedTokens(await generate(engine, request(prompt(24, 1), { maxTokens: 1 })))).toEqual([16])
    engine.checkIntegrity()
  })

  it('is not used where a prompt’s log-probabilities are asked for', async () => {
    const engine = new Engine(new FakeRunner())
    await generate(engine, request(prompt(20)))
    const { events } = await generate(engine, request(prompt(20), {}, { promptLogprobs: 0 }))
    const report = events.find((event) => event.type === 'prompt')
    expect(report).toMatchObject({ cachedTokens: 0 })
    expect(report?.logprobs).toHaveLength(20)
  })
})
