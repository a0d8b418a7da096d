import { describe, expect, it } from 'vitest'
import { all, answer, failure, fakeEngine } from './fake-service'

const prompt = 'Once upon'

describe('a whole completion', () => {
  it('has OpenAI’s shape, and sixteen tokens at most', async () => {
    const { engine, service } = await fakeEngine()
    expect(await engine.completions.create({ prompt })).toEqual({
      id: expect.stringMatching(/^cmpl-[0-9a-f]{32}$/),
      object: 'text_completion',
      created: expect.any(Number),
      model: 'owner/model:Q4_1',
      choices: [{ index: 0, text: 'Hello world', logprobs: null, finish_reason: 'stop', stop_reason: null }],
      usage: {
        prompt_tokens: 3,
        completion_tokens: 2,
        total_tokens: 5,
        prompt_tokens_details: { cached_tokens: 2 },
      },
    })
    expect(service.generations[0]!.stop).toMatchObject({ maxTokens: null, defaultMaxTokens: 16 })
  })

  it('takes token ids', async () => {
    const { engine, service } = await fakeEngine()
    await engine.completions.create({ prompt: [1, 2, 3] })
    expect(service.generations[0]!.prompt).toEqual({ kind: 'ids', ids: [1, 2, 3] })
  })

  it('answers several prompts, each n times, in the prompts’ order', async () => {
    const { engine, service } = await fakeEngine()
    const completion = await engine.completions.create({
      prompt: ['a', 'b'],
      n: 2,
      add_special_tokens: false,
    })
    expect(service.generations.map((generation) => generation.prompt)).toEqual(
      ['a', 'a', 'b', 'b'].map((text) => ({ kind: 'text', text, addBos: false })),
    )
    expect(completion.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    expect(completion.usage).toEqual({
      prompt_tokens: 6,
      completion_tokens: 8,
      total_tokens: 14,
      prompt_tokens_details: { cached_tokens: 4 },
    })
    await engine.completions.create({ prompt: [[1, 2], [3]] })
    expect(service.generations.slice(4).map((generation) => generation.prompt)).toEqual([
      { kind: 'ids', ids: [1, 2] },
      { kind: 'ids', ids: [3] },
    ])
  })

  it('gives log-probabilities in OpenAI’s older shape', async () => {
    const { engine } = await fakeEngine()
    const { choices } = await engine.completions.create({ prompt, logprobs: 1 })
    expect(choices[0]!.logprobs).toEqual({
      tokens: ['Hello', ' world'],
      token_logprobs: [-1.5, -1.5],
      top_logprobs: [
        { ' best': -0.5, Hello: -1.5 },
        { ' best': -0.5, ' world': -1.5 },
      ],
      text_offset: [0, 5],
    })
  })

  it('gives ids and the prompt’s log-probabilities on the choice, as vLLM does', async () => {
    const { engine } = await fakeEngine()
    const body = { prompt, return_token_ids: true, prompt_logprobs: 0 }
    const { choices } = await engine.completions.create(body)
    expect(choices[0]).toMatchObject({ prompt_token_ids: [1, 10, 11], token_ids: [20, 21] })
    expect(choices[0]!.prompt_logprobs).toEqual([
      null,
      { 10: { logprob: -1.5, rank: 2, decoded_token: 'Once' } },
      { 11: { logprob: -1.5, rank: 2, decoded_token: ' upon' } },
    ])
  })

  it('begins with the prompt when it is to be echoed, log-probabilities too', async () => {
    const { engine, service } = await fakeEngine()
    const { choices } = await engine.completions.create({ prompt, echo: true, logprobs: 0 })
    expect(service.generations[0]!.promptLogprobs).toBe(0)
    expect(choices[0]!.text).toBe('Once uponHello world')
    expect(choices[0]!.logprobs).toMatchObject({
      tokens: ['<s>', 'Once', ' upon', 'Hello', ' world'],
      token_logprobs: [null, -1.5, -1.5, -1.5, -1.5],
      text_offset: [0, 3, 7, 12, 17],
    })
    expect(choices[0]).not.toHaveProperty('prompt_logprobs')
  })

  it('only scores the prompt with max_tokens 0', async () => {
    const { engine, service } = await fakeEngine()
    const body = { prompt, echo: true, logprobs: 1, max_tokens: 0 }
    const { choices, usage } = await engine.completions.create(body)
    expect(service.generations[0]!.stop.maxTokens).toBe(0)
    expect(choices[0]).toMatchObject({ text: 'Once upon', finish_reason: 'length' })
    expect(choices[0]!.logprobs!.tokens).toHaveLength(3)
    expect(usage.completion_tokens).toBe(0)
  })
})

describe('a streamed completion', () => {
  const stream = true as const

  it('has OpenAI’s chunks', async () => {
    const { engine } = await fakeEngine()
    const body = { prompt, stream, stream_options: { include_usage: true } }
    const chunks = await all(await engine.completions.create(body))
    const head = {
      id: expect.stringMatching(/^cmpl-/),
      object: 'text_completion',
      created: expect.any(Number),
      model: 'owner/model:Q4_1',
      usage: null,
    }
    const choice = { index: 0, logprobs: null, finish_reason: null }
    expect(chunks).toEqual([
      { ...head, choices: [{ ...choice, text: 'Hello' }] },
      { ...head, choices: [{ ...choice, text: ' world' }] },
      { ...head, choices: [{ ...choice, text: '', finish_reason: 'stop', stop_reason: null }] },
      {
        ...head,
        choices: [],
        usage: {
          prompt_tokens: 3,
          completion_tokens: 2,
          total_tokens: 5,
          prompt_tokens_details: { cached_tokens: 2 },
        },
      },
    ])
  })

  it('counts offsets over the chunks, from the echoed prompt on', async () => {
    const { engine } = await fakeEngine()
    const body = { prompt, stream, echo: true, logprobs: 1, return_token_ids: true }
    const chunks = await all(await engine.completions.create(body))
    expect(chunks.map(({ choices }) => choices[0]!.text)).toEqual(['Once upon', 'Hello', ' world', ''])
    expect(chunks.flatMap(({ choices }) => choices[0]!.logprobs?.text_offset ?? [])).toEqual([
      0, 3, 7, 12, 17,
    ])
    expect(chunks[0]!.choices[0]).toMatchObject({ prompt_token_ids: [1, 10, 11], token_ids: [] })
  })

  it('says nothing but the prompt with max_tokens 0', async () => {
    const { engine } = await fakeEngine()
    const chunks = await all(await engine.completions.create({ prompt, stream, echo: true, max_tokens: 0 }))
    expect(chunks.map(({ choices }) => choices[0]!.text)).toEqual(['Once upon', ''])
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('length')
  })
})

it('says which stop ended the answer', async () => {
  const { engine } = await fakeEngine(async function* (request) {
    for await (const events of answer('x')(request)) {
      yield events.map((event) => (event.type === 'finish' ? { ...event, stopReason: '\n' } : event))
    }
  })
  const { choices } = await engine.completions.create({ prompt, stop: '\n' })
  expect(choices[0]).toMatchObject({ finish_reason: 'stop', stop_reason: '\n' })
})

it('gives the prompt’s log-probabilities alone with max_tokens 0', async () => {
  const { engine } = await fakeEngine()
  const { choices } = await engine.completions.create({ prompt, prompt_logprobs: 0, max_tokens: 0 })
  expect(choices[0]).toMatchObject({ text: '', finish_reason: 'length' })
  expect(choices[0]!.prompt_logprobs).toHaveLength(3)
})

it('refuses a request for nothing', async () => {
  const { engine } = await fakeEngine()
  const error = await failure(engine.completions.create({ prompt, max_tokens: 0 }))
  expect(error).toMatchObject({
    code: 'invalid-request',
    message: expect.stringContaining('max_tokens is 0'),
  })
})
