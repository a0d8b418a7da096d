import OpenAI from 'openai'
import { describe, expect, expectTypeOf, it } from 'vitest'
import type { CreateEmbeddingResponse, EmbeddingRequest } from '../../../src/api/embedding-types'
import type { RerankRequest } from '../../../src/api/rerank'
import { failure, fakeEngine, settled } from './fake-service'

describe('embeddings.create', () => {
  it('answers as OpenAI does', async () => {
    const { engine, service } = await fakeEngine()
    const answer = await engine.embeddings.create({ input: ['one', 'three'], model: 'any', user: 'me' })
    expect(answer).toEqual({
      object: 'list',
      data: [
        { object: 'embedding', index: 0, embedding: [3, 0.5] },
        { object: 'embedding', index: 1, embedding: [5, 0.5] },
      ],
      model: 'any',
      usage: { prompt_tokens: 8, total_tokens: 8 },
    })
    const { id: _, ...call } = service.embeddings[0]!
    expect(call).toEqual({ inputs: ['one', 'three'], promptName: null, dimensions: null, truncateTo: null })
    expect((await engine.embeddings.create({ input: 'one' })).model).toBe('owner/model:Q4_1')
  })

  it.each<[EmbeddingRequest['input'], readonly unknown[]]>([
    ['text', ['text']],
    ['', ['']],
    [
      ['a', ''],
      ['a', ''],
    ],
    [[1, 2, 3], [[1, 2, 3]]],
    [
      [[1], [2, 3]],
      [[1], [2, 3]],
    ],
  ])('takes %j as the inputs %j', async (input, inputs) => {
    const { engine, service } = await fakeEngine()
    await engine.embeddings.create({ input })
    expect(service.embeddings[0]!.inputs).toEqual(inputs)
  })

  it('gives float32 in base64, little-endian', async () => {
    const { engine } = await fakeEngine()
    const { data } = await engine.embeddings.create({ input: 'one', encoding_format: 'base64' })
    expect([...Buffer.from(data[0]!.embedding, 'base64')]).toEqual([0, 0, 0x40, 0x40, 0, 0, 0, 0x3f])
  })

  it('is typed by the encoding', async () => {
    const { engine } = await fakeEngine()
    const { embeddings } = engine
    expectTypeOf(embeddings.create({ input: '' })).resolves.toEqualTypeOf<CreateEmbeddingResponse>()
    expectTypeOf(embeddings.create({ input: '', encoding_format: 'base64' })).resolves.toEqualTypeOf<
      CreateEmbeddingResponse<string>
    >()
  })

  it('passes on what else is asked', async () => {
    const { engine, service } = await fakeEngine()
    await engine.embeddings.create({
      input: 'a',
      dimensions: 1,
      prompt_name: 'query',
      truncate_prompt_tokens: -1,
    })
    expect(service.embeddings[0]).toMatchObject({ dimensions: 1, promptName: 'query', truncateTo: -1 })
  })

  it.each<[object, string, string]>([
    [{}, 'input is missing', 'Give input'],
    [{ input: 5 }, 'input is 5', 'a string, or an array'],
    [{ input: [] }, 'input is []', 'not empty'],
    [{ input: ['a', 5] }, 'input is ["a",5]', 'a string'],
    [{ input: [[]] }, 'input is [[]]', 'not empty'],
    [{ input: [-1] }, 'input is [-1]', 'from 0'],
    [{ input: 'a', encoding_format: 'int8' }, 'encoding_format is "int8"', '"float" or "base64"'],
    [{ input: 'a', dimensions: 0 }, 'dimensions is 0', 'at least 1'],
    [{ input: 'a', truncate_prompt_tokens: -2 }, 'truncate_prompt_tokens is -2', 'at least -1'],
    [{ input: 'a', prompt_name: '' }, 'prompt_name is ""', 'not empty'],
    [{ input: 'a', user: 5 }, 'user is 5', 'a string'],
    [{ inputs: 'a' }, 'There is no inputs', 'Did you mean input?'],
  ])('refuses %j by name', async (fields, message, expected) => {
    const { engine } = await fakeEngine()
    const error = await failure(engine.embeddings.create(fields as EmbeddingRequest))
    expect(error.code).toBe('invalid-request')
    expect(error.message).toContain(message)
    expect(`${error.message} ${error.remedy}`).toContain(expected)
  })

  it('refuses what is known and not built, where it asks for something', async () => {
    const { engine } = await fakeEngine()
    const create = (fields: object) => engine.embeddings.create({ input: 'a', ...fields } as EmbeddingRequest)
    expect(await failure(create({ normalize: false }))).toMatchObject({ code: 'unsupported-field' })
    expect(await failure(create({ add_special_tokens: false }))).toMatchObject({ code: 'unsupported-field' })
    await create({ normalize: null, add_special_tokens: true })
  })

  it('ends on both sides when it is aborted', async () => {
    const { engine, service } = await fakeEngine()
    const controller = new AbortController()
    const call = engine.embeddings.create({ input: 'endless' }, { signal: controller.signal })
    await settled()
    controller.abort('enough')
    expect(await failure(call)).toMatchObject({ code: 'aborted', cause: 'enough' })
    await settled()
    expect(service.aborted).toEqual([service.embeddings[0]!.id])
  })

  it('fails as the worker does', async () => {
    const { engine } = await fakeEngine()
    expect(await failure(engine.embeddings.create({ input: 'bad' }))).toMatchObject({
      code: 'context-too-long',
      remedy: 'Shorten it.',
    })
  })
})

describe('rerank', () => {
  const documents = ['a long document', 'short', { text: 'short' }, 'middling']

  it('gives the best documents first, and their texts where they are wanted', async () => {
    const { engine, service } = await fakeEngine()
    const { id, ...answer } = await engine.rerank({ query: 'which', documents, model: 'any' })
    expect(id).toMatch(/^rerank-[0-9a-f]{32}$/)
    expect(answer).toEqual({
      model: 'any',
      results: [
        { index: 1, relevance_score: 1 / 6 },
        { index: 2, relevance_score: 1 / 6 },
        { index: 3, relevance_score: 1 / 9 },
        { index: 0, relevance_score: 1 / 16 },
      ],
      usage: { prompt_tokens: 9, total_tokens: 9 },
    })
    expect(service.rankings[0]).toMatchObject({ query: 'which', truncateTo: null })
    const best = await engine.rerank({ query: 'which', documents, top_n: 1, return_documents: true })
    expect(best.results).toEqual([{ index: 1, relevance_score: 1 / 6, document: { text: 'short' } }])
  })

  it.each<[object, string]>([
    [{ documents }, 'query is missing'],
    [{ query: 'q' }, 'documents is missing'],
    [{ query: 5, documents }, 'query is 5'],
    [{ query: 'q', documents: [] }, 'documents is []'],
    [{ query: 'q', documents: ['a', 5] }, 'documents is ["a",5]'],
    [{ query: 'q', documents: [{}] }, 'documents[0].text is missing'],
    [{ query: 'q', documents: ['a', { text: 1 }] }, 'documents[1].text is 1'],
    [{ query: 'q', documents: [{ text: 'a', title: 'b' }] }, 'There is no documents[0].title'],
    [{ query: 'q', documents, top_n: 0 }, 'top_n is 0'],
    [{ query: 'q', documents, return_documents: 1 }, 'return_documents is 1'],
    [{ query: 'q', documents, topn: 1 }, 'There is no topn'],
  ])('refuses %j by name', async (fields, message) => {
    const { engine } = await fakeEngine()
    const error = await failure(engine.rerank(fields as RerankRequest))
    expect(error.code).toBe('invalid-request')
    expect(error.message).toContain(message)
  })

  it('ends on both sides when it is aborted', async () => {
    const { engine, service } = await fakeEngine()
    const controller = new AbortController()
    const call = engine.rerank({ query: 'q', documents: ['endless'] }, { signal: controller.signal })
    await settled()
    controller.abort()
    expect(await failure(call)).toMatchObject({ code: 'aborted' })
    await settled()
    expect(service.aborted).toHaveLength(1)
  })
})

describe('engine.fetch', () => {
  const url = 'http://octavo/v1'
  const post = (path: string, body: unknown) =>
    new Request(`${url}/${path}`, { method: 'POST', body: JSON.stringify(body) })

  async function openai() {
    const { engine, service } = await fakeEngine()
    const client = new OpenAI({ baseURL: url, apiKey: 'none', fetch: engine.fetch, maxRetries: 0 })
    return { engine, service, client }
  }

  it('serves the openai package’s embeddings, which it asks for in base64', async () => {
    const { engine, client } = await openai()
    const input = ['one', 'three']
    const answer = await client.embeddings.create({ input, model: 'any' })
    expect(answer).toEqual(await engine.embeddings.create({ input, model: 'any' }))
    const floats = await client.embeddings.create({ input, model: 'any', encoding_format: 'float' })
    expect(floats.data).toEqual(answer.data)
  })

  it('serves its chats and completions, whole and streamed', async () => {
    const { client } = await openai()
    const messages = [{ role: 'user' as const, content: 'Hi' }]
    const whole = await client.chat.completions.create({ messages, model: 'any' })
    expect(whole.choices[0]!.message.content).toBe('Hello world')
    let text = ''
    for await (const chunk of await client.chat.completions.create({ messages, model: 'any', stream: true }))
      text += chunk.choices[0]?.delta.content ?? ''
    expect(text).toBe('Hello world')
    const { choices } = await client.completions.create({ prompt: 'Once upon', model: 'any' })
    expect(choices[0]!.text).toBe('Hello world')
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['owner/model:Q4_1'])
  })

  it('gives errors that the package knows', async () => {
    const { client } = await openai()
    await expect(client.embeddings.create({ input: 'bad', model: 'any' })).rejects.toMatchObject({
      status: 400,
      code: 'context-too-long',
      type: 'invalid_request_error',
      message: expect.stringContaining('It is too long. Shorten it.'),
    })
    await expect(client.embeddings.create({ input: [], model: 'any' })).rejects.toBeInstanceOf(
      OpenAI.BadRequestError,
    )
    await expect(client.files.list()).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })

  it('stops the worker where the client aborts', async () => {
    const { client, service } = await openai()
    const controller = new AbortController()
    const call = client.embeddings.create({ input: 'endless', model: 'any' }, { signal: controller.signal })
    await settled()
    controller.abort()
    await expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await settled()
    expect(service.aborted).toHaveLength(1)
  })

  it('ends a stream as a server does where the client aborts it', async () => {
    const { endless } = await import('./fake-service')
    const { engine, service } = await fakeEngine(endless)
    const client = new OpenAI({ baseURL: url, apiKey: 'none', fetch: engine.fetch, maxRetries: 0 })
    const messages = [{ role: 'user' as const, content: 'Hi' }]
    const stream = await client.chat.completions.create({ messages, model: 'any', stream: true })
    let chunks = 0
    for await (const _ of stream) if (++chunks === 2) stream.controller.abort()
    await settled()
    expect(service.aborted).toHaveLength(1)

    const controller = new AbortController()
    const body = JSON.stringify({ messages, stream: true })
    const response = await engine.fetch(`${url}/chat/completions`, {
      method: 'POST',
      body,
      signal: controller.signal,
    })
    const text = response.text()
    await settled()
    controller.abort()
    await expect(text).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('ranks, and refuses what is no JSON or nobody answers', async () => {
    const { engine } = await fakeEngine()
    const ranked = await engine.fetch(post('rerank', { query: 'q', documents: ['a', 'bcd'] }))
    expect(await ranked.json()).toMatchObject({ results: [{ index: 0 }, { index: 1 }] })
    const broken = await engine.fetch(`${url}/embeddings`, { method: 'POST', body: '{' })
    expect(broken.status).toBe(400)
    expect(await broken.json()).toMatchObject({ error: { code: 'invalid-request' } })
    expect((await engine.fetch(`${url}/toString`)).status).toBe(404)
    expect((await engine.fetch(post('models', {}))).status).toBe(404)
    expect((await engine.fetch(new Request('http://octavo/any/base/v1/models/'))).status).toBe(200)
  })

  it('ends a stream’s generation when nobody reads on', async () => {
    const { endless } = await import('./fake-service')
    const { engine, service } = await fakeEngine(endless)
    const messages = [{ role: 'user', content: 'Hi' }]
    const { body } = await engine.fetch(post('chat/completions', { messages, stream: true }))
    const reader = body!.getReader()
    await reader.read()
    await reader.cancel()
    await settled()
    expect(service.aborted).toHaveLength(1)
  })
})
