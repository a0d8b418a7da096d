import { describe, expect, it } from 'vitest'
import { OctavoError } from '../../../src/util/octavo-error'
import { all, answer, endless, failing, failure, fakeEngine, logprobsOf, settled } from './fake-service'

const messages = [{ role: 'user' as const, content: 'Hi' }]
const hex = (prefix: string) => expect.stringMatching(new RegExp(`^${prefix}-[0-9a-f]{32}$`))

describe('a whole chat completion', () => {
  it('has OpenAI’s shape', async () => {
    const { engine } = await fakeEngine()
    const before = Math.floor(Date.now() / 1000)
    const completion = await engine.chat.completions.create({ messages })
    expect(completion).toEqual({
      id: hex('chatcmpl'),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'owner/model:Q4_1',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello world', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
          stop_reason: null,
        },
      ],
      usage: {
        prompt_tokens: 3,
        completion_tokens: 2,
        total_tokens: 5,
        prompt_tokens_details: { cached_tokens: 2 },
      },
    })
    expect(completion.created).toBeGreaterThanOrEqual(before)
    expect(completion.created).toBeLessThanOrEqual(Date.now() / 1000)
  })

  it('echoes the model’s name as it was asked for', async () => {
    const { engine } = await fakeEngine()
    expect((await engine.chat.completions.create({ messages, model: 'gpt-5' })).model).toBe('gpt-5')
  })

  it('answers n times with one prompt counted once, each answer with a seed of its own', async () => {
    const { engine, service } = await fakeEngine()
    const prompt_cache_key = 'tuesday'
    const completion = await engine.chat.completions.create({ messages, n: 3, seed: 7, prompt_cache_key })
    expect(completion.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(completion.usage).toEqual({
      prompt_tokens: 3,
      completion_tokens: 6,
      total_tokens: 9,
      prompt_tokens_details: { cached_tokens: 2 },
    })
    expect(service.generations.map(({ sampler }) => sampler.seed)).toEqual([7, 8, 9])
    // The conversation goes on with the first.
    expect(service.generations.map(({ conversation }) => conversation)).toEqual(['tuesday', null, null])
  })

  it('asks the worker for its n answers at once, as answers to one prompt', async () => {
    const { engine, service } = await fakeEngine()
    await engine.chat.completions.create({ messages, n: 3 })
    expect(service.calls).toEqual([3])
    const [first, ...others] = service.generations.map(({ prompt }) => prompt)
    for (const prompt of others) expect(prompt).toBe(first)
  })

  it('gives ids as sampled with return_token_ids', async () => {
    const { engine } = await fakeEngine()
    const completion = await engine.chat.completions.create({ messages, return_token_ids: true })
    expect(completion.prompt_token_ids).toEqual([1, 10, 11])
    expect(completion.choices[0]!.token_ids).toEqual([20, 21])
  })

  it('gives log-probabilities in OpenAI’s shape', async () => {
    const { engine, service } = await fakeEngine(answer('Hé'))
    const body = { messages, logprobs: true, top_logprobs: 1 }
    const completion = await engine.chat.completions.create(body)
    expect(service.generations[0]!.logprobs).toBe(1)
    expect(completion.choices[0]!.logprobs).toEqual({
      content: [
        {
          token: 'Hé',
          bytes: [0x48, 0xc3, 0xa9],
          logprob: -1.5,
          top_logprobs: [{ token: ' best', bytes: [...Buffer.from(' best')], logprob: -0.5 }],
        },
      ],
      refusal: null,
    })
  })

  it('spells out a token that is part of a character', async () => {
    const { engine } = await fakeEngine(async function* () {
      yield [{ type: 'accepted', promptIds: [1], echo: null }]
      const logprobs = [logprobsOf(5, Uint8Array.of(0xe2, 0x80), 0)]
      yield [{ type: 'delta', text: '', ids: [5], logprobs }]
      const usage = { promptTokens: 1, completionTokens: 1 }
      yield [{ type: 'finish', reason: 'length', stopReason: null, usage }]
    })
    const completion = await engine.chat.completions.create({ messages, logprobs: true })
    expect(completion.choices[0]!.logprobs!.content[0]).toEqual({
      token: '\\xe2\\x80',
      bytes: [0xe2, 0x80],
      logprob: -1.5,
      top_logprobs: [],
    })
    expect(completion.choices[0]!.finish_reason).toBe('length')
  })

  it('gives the prompt’s log-probabilities in vLLM’s shape', async () => {
    const { engine } = await fakeEngine()
    const { prompt_logprobs } = await engine.chat.completions.create({ messages, prompt_logprobs: 1 })
    expect(prompt_logprobs).toEqual([
      null,
      {
        10: { logprob: -1.5, rank: 2, decoded_token: 'Once' },
        99: { logprob: -0.5, rank: 1, decoded_token: ' best' },
      },
      {
        11: { logprob: -1.5, rank: 2, decoded_token: ' upon' },
        99: { logprob: -0.5, rank: 1, decoded_token: ' best' },
      },
    ])
  })

  it('fails with the engine’s error, whole', async () => {
    const cause = new TypeError('inner', { cause: new OctavoError('network', 'no net', 'wait') })
    const error = new OctavoError('context-too-long', 'The prompt is too long.', 'Shorten it.', { cause })
    const { engine } = await fakeEngine(failing(error, false))
    const got = await failure(engine.chat.completions.create({ messages }))
    expect(got).not.toBe(error)
    expect(got).toMatchObject({
      code: error.code,
      message: error.message,
      remedy: error.remedy,
      stack: error.stack,
    })
    expect(got.cause).toMatchObject({ name: 'TypeError', message: 'inner' })
    expect((got.cause as Error).cause).toMatchObject({ name: 'OctavoError', code: 'network', remedy: 'wait' })
  })
})

describe('a streamed chat completion', () => {
  it('has OpenAI’s chunks: the role, the text, the finish reason', async () => {
    const { engine } = await fakeEngine()
    const chunks = await all(await engine.chat.completions.create({ messages, stream: true }))
    const choice = { index: 0, logprobs: null, finish_reason: null }
    const head = {
      id: hex('chatcmpl'),
      object: 'chat.completion.chunk',
      created: expect.any(Number),
      model: 'owner/model:Q4_1',
    }
    expect(chunks).toEqual([
      { ...head, choices: [{ ...choice, delta: { role: 'assistant', content: '' } }] },
      { ...head, choices: [{ ...choice, delta: { content: 'Hello' } }] },
      { ...head, choices: [{ ...choice, delta: { content: ' world' } }] },
      { ...head, choices: [{ ...choice, delta: {}, finish_reason: 'stop', stop_reason: null }] },
    ])
    expect(new Set(chunks.map(({ id, created }) => `${id} ${created}`)).size).toBe(1)
  })

  it('says the usage at the end when asked, with no choices, and null before', async () => {
    const { engine } = await fakeEngine()
    const stream_options = { include_usage: true }
    const chunks = await all(await engine.chat.completions.create({ messages, stream: true, stream_options }))
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true)
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: {
        prompt_tokens: 3,
        completion_tokens: 2,
        total_tokens: 5,
        prompt_tokens_details: { cached_tokens: 2 },
      },
    })
  })

  it('says the usage so far on every chunk when asked', async () => {
    const { engine } = await fakeEngine()
    const stream_options = { continuous_usage_stats: true }
    const chunks = await all(await engine.chat.completions.create({ messages, stream: true, stream_options }))
    expect(chunks.map(({ usage }) => usage!.completion_tokens)).toEqual([0, 1, 2, 2, 2])
  })

  it('gives ids in chunks, the prompt’s on the first', async () => {
    const { engine } = await fakeEngine(answer('', 'Hi'))
    const body = { messages, stream: true as const, return_token_ids: true }
    const chunks = await all(await engine.chat.completions.create(body))
    expect(chunks.map(({ prompt_token_ids }) => prompt_token_ids)).toEqual([
      [1, 10, 11],
      undefined,
      undefined,
      undefined,
    ])
    expect(chunks.flatMap(({ choices }) => choices[0]!.token_ids ?? [])).toEqual([20, 21])
  })

  it('sends no chunk for a token that completes no text, unless its log-probability is wanted', async () => {
    const { engine } = await fakeEngine(answer('', 'é'))
    expect(await all(await engine.chat.completions.create({ messages, stream: true }))).toHaveLength(3)
    const body = { messages, stream: true as const, logprobs: true }
    const chunks = await all(await engine.chat.completions.create(body))
    expect(chunks.flatMap(({ choices }) => choices[0]!.logprobs?.content ?? [])).toHaveLength(2)
  })

  it('streams several answers side by side', async () => {
    const { engine } = await fakeEngine()
    const chunks = await all(await engine.chat.completions.create({ messages, stream: true, n: 2 }))
    for (const index of [0, 1]) {
      const choices = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index)
      expect(choices.map(({ delta }) => delta.content ?? '').join('')).toBe('Hello world')
      expect(choices.at(-1)!.finish_reason).toBe('stop')
    }
  })

  it('fails before there is a stream where the request is refused', async () => {
    const error = new OctavoError('context-too-long', 'The prompt is too long.', 'Shorten it.')
    const { engine } = await fakeEngine(failing(error, false))
    expect((await failure(engine.chat.completions.create({ messages, stream: true }))).code).toBe(
      'context-too-long',
    )
  })

  it('gives what came before an error, then throws it', async () => {
    const { engine } = await fakeEngine(failing(new OctavoError('device-lost', 'Gone.', 'Reload.'), true))
    const stream = await engine.chat.completions.create({ messages, stream: true })
    let text = ''
    const read = async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    }
    expect((await failure(read())).code).toBe('device-lost')
    expect(text).toBe('so far')
  })

  it('can be read once only', async () => {
    const { engine } = await fakeEngine()
    const stream = await engine.chat.completions.create({ messages, stream: true })
    await all(stream)
    expect((await failure(all(stream))).code).toBe('invalid-request')
  })
})

describe('ending a request early', () => {
  const stream = true as const

  it('ends the generation when the loop is left', async () => {
    const { engine, service } = await fakeEngine(endless)
    for await (const chunk of await engine.chat.completions.create({ messages, stream })) {
      if (chunk.choices[0]!.delta.content) break
    }
    await settled()
    expect(service.aborted).toEqual([service.generations[0]!.id])
  })

  it('ends the generation when the loop is left at the first chunk', async () => {
    const { engine, service } = await fakeEngine(endless)
    for await (const _ of await engine.chat.completions.create({ messages, stream })) break
    await settled()
    expect(service.aborted).toHaveLength(1)
  })

  it('ends the loop without an error on controller.abort()', async () => {
    const { engine, service } = await fakeEngine(endless)
    const answers = await engine.chat.completions.create({ messages, stream })
    setTimeout(() => answers.controller.abort(), 20)
    expect(await all(answers)).toHaveLength(2)
    await settled()
    expect(service.aborted).toHaveLength(1)
  })

  it('throws “aborted” from the loop when the signal aborts, with its reason', async () => {
    const { engine, service } = await fakeEngine(endless)
    const controller = new AbortController()
    const answers = await engine.chat.completions.create({ messages, stream }, { signal: controller.signal })
    const reason = new Error('enough')
    setTimeout(() => controller.abort(reason), 20)
    const error = await failure(all(answers))
    expect(error).toMatchObject({ code: 'aborted', cause: reason })
    await settled()
    expect(service.aborted).toHaveLength(1)
  })

  it('ends the generation of a stream that nobody reads when the signal aborts', async () => {
    const { engine, service } = await fakeEngine(endless)
    const controller = new AbortController()
    await engine.chat.completions.create({ messages, stream }, { signal: controller.signal })
    controller.abort()
    await settled()
    expect(service.aborted).toHaveLength(1)
  })

  it('rejects a whole completion when the signal aborts', async () => {
    const { engine, service } = await fakeEngine(endless)
    const signal = AbortSignal.timeout(20)
    expect((await failure(engine.chat.completions.create({ messages, n: 2 }, { signal }))).code).toBe(
      'aborted',
    )
    await settled()
    expect(service.aborted).toHaveLength(2)
  })

  it('starts nothing when the signal has aborted already', async () => {
    const { engine, service } = await fakeEngine()
    const signal = AbortSignal.abort()
    expect((await failure(engine.chat.completions.create({ messages }, { signal }))).code).toBe('aborted')
    expect(service.generations).toEqual([])
  })

  it('is not disturbed by a signal that aborts after the end', async () => {
    const { engine } = await fakeEngine()
    const controller = new AbortController()
    const answers = await engine.chat.completions.create({ messages, stream }, { signal: controller.signal })
    await settled()
    controller.abort()
    expect((await all(answers)).at(-1)!.choices[0]!.finish_reason).toBe('stop')
  })
})

it('reports how much of the prompt is computed, over all answers', async () => {
  const { engine } = await fakeEngine()
  const seen: unknown[] = []
  const onPrefill = (progress: unknown) => seen.push(progress)
  await engine.chat.completions.create({ messages, n: 2 }, { onPrefill })
  expect(seen.at(-1)).toEqual({ doneTokens: 6, totalTokens: 6 })
})

it('answers requests that run at the same time each with its own', async () => {
  const { engine } = await fakeEngine(async function* (request) {
    const text = request.prompt.kind === 'chat' ? request.prompt.messages[0]!.content : ''
    yield* answer(...text)(request)
  })
  const texts = ['one', 'another', 'a third']
  const completions = await Promise.all(
    texts.map((content) => engine.chat.completions.create({ messages: [{ role: 'user', content }] })),
  )
  expect(completions.map(({ choices }) => choices[0]!.message.content)).toEqual(texts)
})
