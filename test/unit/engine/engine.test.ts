import { describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import { OctavoError } from '../../../src/util/octavo-error'
import { FakeRunner, random } from './fake-runner'
import { expected, generate, idle, openEnded, prompt, request } from './generate'

describe('a generation', () => {
  it('gives the model’s ids one after the other, whatever the token budget', async () => {
    for (const maxBatchTokens of [1, 3, 7, 32]) {
      const engine = new Engine(
        new FakeRunner({ maxBatchTokens: Math.max(maxBatchTokens, 4), maxSequences: 4 }),
      )
      const { ids, events } = await generate(engine, request(prompt(30)))
      expect(ids).toEqual(expected(prompt(30), 20))
      expect(events.map((event) => event.type).filter((type) => type === 'prompt')).toHaveLength(1)
      await idle()
      engine.checkIntegrity()
      expect(engine.stats().blocksInUse).toBe(0)
    }
  })

  it('submits a step before it has read the one before', async () => {
    const runner = new FakeRunner()
    await generate(new Engine(runner), request(openEnded(10), { maxTokens: 10 }))
    expect(runner.chunks.filter((chunk) => chunk.ids === 'sampled')).toHaveLength(9)
  })

  it('ends with the end-of-sequence id, which is reported and has no text', async () => {
    let seed = 1
    while (!expected(prompt(5, seed), 50).includes(0)) seed++
    const { ids, text, finish } = await generate(
      new Engine(new FakeRunner()),
      request(prompt(5, seed), { maxTokens: 50 }),
    )
    expect(ids.at(-1)).toBe(0)
    expect(text).not.toMatch(/\b0 $/)
    expect(finish).toMatchObject({
      reason: 'stop',
      stopReason: null,
      usage: { promptTokens: 5, completionTokens: ids.length },
    })
  })

  it('goes past the end-of-sequence id when told to, and holds it back under min_tokens', async () => {
    let seed = 1
    while (expected(prompt(5, seed), 6).length === 6) seed++
    const ignoring = await generate(
      new Engine(new FakeRunner()),
      request(prompt(5, seed), { maxTokens: 8, ignoreEos: true }),
    )
    expect(ignoring.ids).toContain(0)
    expect(ignoring.ids).toHaveLength(8)
    const held = await generate(
      new Engine(new FakeRunner()),
      request(prompt(5, seed), { maxTokens: 8, minTokens: 8 }),
    )
    expect(held.ids).toHaveLength(8)
    expect(held.ids.slice(0, 7)).not.toContain(0)
  })

  it('ends at a stop id and names it', async () => {
    const ids = expected(openEnded(5), 5)
    const { ids: got, finish } = await generate(
      new Engine(new FakeRunner()),
      request(openEnded(5), { stopTokenIds: [ids[2]!] }),
    )
    expect(got).toEqual(ids.slice(0, 3))
    expect(finish).toMatchObject({ reason: 'stop', stopReason: ids[2] })
  })

  it('keeps the text of what ended it where that is wanted', async () => {
    const ids = expected(openEnded(5), 5)
    const stop = { stopTokenIds: [ids[2]!], includeStopString: true }
    const { text, finish } = await generate(new Engine(new FakeRunner()), request(openEnded(5), stop))
    expect(text).toBe(`${ids[0]} ${ids[1]} ${ids[2]} `)
    expect(finish).toMatchObject({ reason: 'stop', stopReason: ids[2] })
  })

  it('ends before a stop string that spans tokens', async () => {
    const ids = expected(openEnded(5), 5)
    const whole = ids.map((id) => `${id} `).join('')
    const stop = whole.slice(`${ids[0]}`.length - 1, `${ids[0]} ${ids[1]} ${ids[2]}`.length)
    const { text, finish } = await generate(
      new Engine(new FakeRunner()),
      request(openEnded(5), { stopStrings: [stop] }),
    )
    expect(text).toBe(whole.slice(0, whole.indexOf(stop)))
    expect(finish).toMatchObject({ reason: 'stop', stopReason: stop })
  })

  it('scores a prompt without drawing an id', async () => {
    const runner = new FakeRunner()
    const { events, finish } = await generate(
      new Engine(runner),
      request(prompt(30), { maxTokens: 0 }, { promptLogprobs: 1 }),
    )
    const report = events.find((event) => event.type === 'prompt')
    expect(report?.logprobs?.map((entry) => entry?.id ?? null)).toEqual([null, ...prompt(30).slice(1)])
    expect(report?.logprobs?.[7]?.logprob).toBeCloseTo(-7 - prompt(30)[7]! / 1000)
    expect(finish).toMatchObject({ reason: 'length', usage: { completionTokens: 0 } })
    expect(runner.chunks.every((chunk) => chunk.sampler === null)).toBe(true)
  })

  it('scores a long prompt beside others, which begin and end meanwhile', async () => {
    const runner = new FakeRunner()
    const engine = new Engine(runner)
    const ends: string[] = []
    const scored = generate(engine, request(prompt(180), { maxTokens: 0 }, { promptLogprobs: 1 }))
    const others = [5, 7].map((length) => generate(engine, request(openEnded(length), { maxTokens: 3 })))
    await Promise.all([
      scored.then(() => ends.push('scored')),
      ...others.map((other) => other.then(() => ends.push('other'))),
    ])
    expect(ends).toEqual(['other', 'other', 'scored'])
    const report = (await scored).events.find((event) => event.type === 'prompt')
    expect(report?.logprobs?.map((entry) => entry?.id ?? null)).toEqual([null, ...prompt(180).slice(1)])
  })

  it('fails with what broke its step, and so do later ones', async () => {
    const runner = new FakeRunner()
    runner.failAt = 4
    const engine = new Engine(runner)
    const failure = { code: 'internal', message: expect.stringContaining('the step broke') as string }
    await expect(generate(engine, request(openEnded(20)))).rejects.toMatchObject(failure)
    await expect(generate(engine, request(openEnded(20)))).rejects.toMatchObject(failure)
  })

  it('refuses an empty prompt and ids of another vocabulary', async () => {
    const engine = new Engine(new FakeRunner())
    await expect(generate(engine, request([]))).rejects.toThrow('empty')
    await expect(generate(engine, request([5, 1000]))).rejects.toThrow('1000')
    await expect(generate(engine, request([1.5]))).rejects.toThrow('1.5')
  })
})

describe('many generations', () => {
  it('get the ids that each would have had alone, also when blocks run out and some are preempted', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const next = random(seed)
      const blocks = 14 + next(30)
      const limits = {
        blocks,
        maxContext: Math.min(48, blocks * 4),
        maxBatchTokens: 4 + next(20),
        maxLogitRows: 4 + next(6),
      }
      const engine = new Engine(new FakeRunner(limits, seed))
      const all = Array.from({ length: 12 }, (_, i) => {
        // Some begin alike, so that they share blocks.
        const ids = [...prompt(next(16), next(3)), ...prompt(1 + next(12), seed * 100 + i)]
        const scores = next(3) === 0
        const controller = new AbortController()
        const abortAfter = next(4) === 0 ? next(12) : Number.POSITIVE_INFINITY
        let seen = 0
        const asked = request(ids, { maxTokens: 1 + next(20) }, { promptLogprobs: scores ? 0 : null })
        const answer = generate(engine, asked, controller.signal, () => {
          if (++seen > abortAfter) controller.abort()
        })
        return answer.then(
          (got) => {
            expect(got.ids).toEqual(expected(ids, asked.stop.maxTokens))
            const report = got.events.find((event) => event.type === 'prompt')
            if (scores)
              expect(report?.logprobs?.map((entry) => entry?.id ?? null)).toEqual([null, ...ids.slice(1)])
          },
          (error: unknown) => expect(error).toMatchObject({ code: 'aborted' }),
        )
      })
      await Promise.all(all)
      await idle()
      engine.checkIntegrity()
      expect(engine.stats()).toMatchObject({ blocksInUse: 0, runningSequences: 0, waitingSequences: 0 })
    }
  })

  it('run side by side, and start in the order of their arrival', async () => {
    const runner = new FakeRunner({ maxSequences: 2 })
    const engine = new Engine(runner)
    const order: number[] = []
    await Promise.all(
      [1, 2, 3, 4].map((n) =>
        generate(engine, request(openEnded(8), { maxTokens: 8 })).then(() => order.push(n)),
      ),
    )
    expect(runner.largestBatch).toBe(2)
    expect(order).toEqual([1, 2, 3, 4])
  })

  it('start in the order of their priority, the lower number first', async () => {
    const engine = new Engine(new FakeRunner({ maxSequences: 1 }))
    const order: number[] = []
    await Promise.all(
      [0, 3, 1, 2, 1].map((priority, n) =>
        generate(engine, request(openEnded(4), { maxTokens: 4 }, { priority })).then(() => order.push(n)),
      ),
    )
    expect(order).toEqual([0, 2, 4, 3, 1])
  })

  it('give way to those of a lower number when blocks run out', async () => {
    const engine = new Engine(new FakeRunner({ blocks: 12, maxContext: 48 }))
    const order: string[] = []
    const run = (name: string, seed: number, priority: number) =>
      generate(engine, request(prompt(8, seed), { maxTokens: 30, ignoreEos: true }, { priority })).then(() =>
        order.push(name),
      )
    await Promise.all([run('first, late', 1, 5), run('second, early', 2, 0)])
    expect(order).toEqual(['second, early', 'first, late'])
    engine.checkIntegrity()
  })

  it('are refused at once when too many wait', async () => {
    const engine = new Engine(new FakeRunner({ maxSequences: 1 }), { maxWaiting: 1 })
    const accepted = [1, 2].map(() => generate(engine, request(openEnded(4), { maxTokens: 4 })))
    await expect(generate(engine, request(openEnded(4)))).rejects.toMatchObject({ code: 'queue-full' })
    await Promise.all(accepted)
    await generate(engine, request(openEnded(4), { maxTokens: 4 }))
  })

  it('are all rejected when the engine is stopped', async () => {
    const engine = new Engine(new FakeRunner())
    const pending = [1, 2, 3].map(() => generate(engine, request(openEnded(20))))
    engine.stop(new OctavoError('unloaded', 'The model was unloaded.', 'Load it again.'))
    for (const each of pending) await expect(each).rejects.toMatchObject({ code: 'unloaded' })
  })

  it('free their blocks within one step of an abort', async () => {
    const engine = new Engine(new FakeRunner())
    const controller = new AbortController()
    const pending = generate(engine, request(openEnded(20)), controller.signal, () => controller.abort())
    await expect(pending).rejects.toMatchObject({ code: 'aborted' })
    await idle()
    expect(engine.stats().blocksInUse).toBe(0)
    engine.checkIntegrity()
  })
})
