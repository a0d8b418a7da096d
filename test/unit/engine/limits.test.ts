import { describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import { FakeRunner, tokensOf } from './fake-runner'
import { expected, generate, idle, openEnded, prompt, request } from './generate'

describe('what does not fit', () => {
  const small = () => new Engine(new FakeRunner({ maxContext: 40, blocks: 10 }))

  it('is a prompt as long as the context, since an answer needs a token', async () => {
    const engine = small()
    await expect(generate(engine, request(prompt(40), { maxTokens: 1 }))).rejects.toMatchObject({
      code: 'context-too-long',
      message: 'The prompt has 40 tokens; the context holds 40, the answer included.',
    })
    const whole = await generate(engine, request(prompt(39), { maxTokens: 1, ignoreEos: true }))
    expect(whole.ids).toHaveLength(1)
  })

  it('is a prompt longer than all KV blocks, whatever the context', async () => {
    const engine = new Engine(new FakeRunner({ maxContext: 200, blocks: 10 }))
    await expect(generate(engine, request(prompt(50)))).rejects.toMatchObject({
      code: 'context-too-long',
      message: expect.stringContaining('50 tokens; the context holds 40'),
      remedy: expect.stringContaining('kvCache.maxTokens'),
    })
  })

  it('is an answer that is longer than what the prompt leaves; the error says what fits', async () => {
    const engine = small()
    await expect(generate(engine, request(prompt(30), { maxTokens: 11 }))).rejects.toMatchObject({
      code: 'context-too-long',
      message: 'The prompt has 30 tokens and max_tokens is 11, together 41; the context holds 40.',
      remedy: expect.stringContaining('Lower max_tokens to 10'),
    })
    const whole = await generate(engine, request(prompt(30), { maxTokens: 10, ignoreEos: true }))
    expect(whole.ids).toEqual(expected(prompt(30), 10, { ignoreEos: true }))
    expect(whole.finish?.reason).toBe('length')
  })

  it('is a least length beyond the greatest', async () => {
    await expect(generate(small(), request(prompt(9), { maxTokens: 5, minTokens: 6 }))).rejects.toMatchObject(
      {
        code: 'invalid-request',
        message: expect.stringContaining('min_tokens is 6'),
      },
    )
  })

  it('takes no place and no block', async () => {
    const engine = small()
    await generate(engine, request(prompt(41))).catch(() => undefined)
    expect(engine.stats()).toMatchObject({
      runningSequences: 0,
      waitingSequences: 0,
      blocksInUse: 0,
      steps: 0,
    })
  })
})

describe('an abort leaves no block behind and other streams as they were', () => {
  /** Aborts the second of three generations when the runner takes its nth step, or before any. */
  async function abortAt(step: number, limits: ConstructorParameters<typeof FakeRunner>[0]) {
    const runner = new FakeRunner(limits)
    const engine = new Engine(runner)
    const controller = new AbortController()
    const run = runner.run.bind(runner)
    let state = ''
    runner.run = (chunks) => {
      if (runner.steps === step) {
        queueMicrotask(() => {
          const { runningSequences, waitingSequences } = engine.stats()
          state = `${runningSequences} run, ${waitingSequences} wait`
          controller.abort()
        })
      }
      return run(chunks)
    }
    const first = generate(engine, request(prompt(20, 1), { maxTokens: 12, ignoreEos: true }))
    const last = request(prompt(20, 2), { maxTokens: 12, ignoreEos: true }, { priority: 1 })
    const second = generate(engine, last, controller.signal)
    if (step < 0) controller.abort()
    const third = generate(engine, request(prompt(20, 3), { maxTokens: 12, ignoreEos: true }))
    const aborted = second.then(
      () => false,
      (error: unknown) => (error as { code?: string }).code === 'aborted',
    )
    expect((await first).ids).toEqual(expected(prompt(20, 1), 12, { ignoreEos: true }))
    expect((await third).ids).toEqual(expected(prompt(20, 3), 12, { ignoreEos: true }))
    await idle()
    engine.checkIntegrity()
    expect(engine.stats().blocksInUse).toBe(0)
    return { aborted: await aborted, state }
  }

  it('before the first step, in the middle of its prompt, and after any token', async () => {
    for (let step = -1; step < 14; step++) {
      expect((await abortAt(step, { maxBatchTokens: 8 })).aborted).toBe(true)
    }
  })

  it('while it waits for its blocks, and when it has lost them', async () => {
    const statesWith = async (blocks: number) => {
      const states: string[] = []
      for (let step = 0; step < 14; step++) {
        const { aborted, state } = await abortAt(step, { blocks, maxContext: 40 })
        if (aborted) states.push(state)
      }
      return states
    }
    // Each prompt takes five blocks, each answer three more. The one that is aborted has the last priority.
    expect(await statesWith(14)).toContain('2 run, 1 wait')
    const states = await statesWith(17)
    expect(states.indexOf('3 run, 0 wait')).toBeGreaterThanOrEqual(0)
    expect(states.lastIndexOf('2 run, 1 wait')).toBeGreaterThan(states.indexOf('3 run, 0 wait'))
  })
})

describe('a long prompt', () => {
  it('does not hold up running answers: each step has their next tokens, and a part of the prompt', async () => {
    const runner = new FakeRunner({ maxBatchTokens: 16, maxContext: 400, blocks: 200 })
    const engine = new Engine(runner)
    const steps: { decodes: number; prompt: number }[] = []
    const run = runner.run.bind(runner)
    runner.run = (chunks) => {
      const decodes = chunks.filter(({ ids }) => ids === 'sampled')
      // Decode tokens stand first.
      expect(chunks.slice(0, decodes.length)).toEqual(decodes)
      const rest = chunks.slice(decodes.length)
      steps.push({ decodes: decodes.length, prompt: rest.reduce((sum, chunk) => sum + tokensOf(chunk), 0) })
      return run(chunks)
    }
    let long: Promise<unknown> | null = null
    const answer = () => generate(engine, request(openEnded(60), { maxTokens: 60 }), undefined, begin)
    const begin = () => {
      long ??= generate(engine, request(prompt(300), { maxTokens: 1 }))
    }
    const streams = await Promise.all([answer(), answer(), answer()])
    await long
    for (const { ids } of streams) expect(ids).toEqual(expected(openEnded(60), 60))
    const during = steps.filter((step) => step.prompt > 5 && step.decodes > 0)
    // 300 tokens, thirteen a step beside three of answers.
    expect(during.length).toBeGreaterThanOrEqual(23)
    expect(during.every((step) => step.decodes === 3)).toBe(true)
    expect(during.slice(0, 23).every((step) => step.prompt === 13)).toBe(true)
  })
})
