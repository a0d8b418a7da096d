import { describe, expect, it, vi } from 'vitest'
import { createEngine } from '../../../src/api/create-engine'
import { Engine } from '../../../src/api/engine'
import { type EngineOptions, loadRequest } from '../../../src/api/options'
import { all, connect, endless, FakeService, failure, fakeEngine, request, settled } from './fake-service'

const messages = [{ role: 'user' as const, content: 'Hi' }]
const never = () => new Promise<void>(() => {})

describe('options', () => {
  const model = 'owner/model'

  it('have defaults', () => {
    expect(loadRequest({ model })).toEqual({
      model,
      hub: { endpoint: 'https://huggingface.co', token: null },
      kvCache: { format: 'f16', maxTokens: null },
      conversations: { maxBytes: 536_870_912 },
      floatWeights: null,
      invariance: 'on',
      tune: 'cached',
      precision: 'exact',
      maxSequences: 8,
      maxWaiting: 256,
      tokenBudget: 256,
    })
  })

  it('reach the worker', () => {
    const options: EngineOptions = {
      model: 'https://example.com/model.gguf',
      hub: { endpoint: 'http://localhost:8080/hub/', token: 'hf_x' },
      kvCache: { format: 'f32', maxTokens: 4096 },
      conversations: { maxBytes: 0 },
      floatWeights: 'f16',
      invariance: 'off',
      tune: 'full',
      precision: 'fast',
      maxSequences: 4,
      maxWaiting: 16,
      tokenBudget: 64,
    }
    expect(loadRequest(options)).toEqual({
      ...options,
      hub: { endpoint: 'http://localhost:8080/hub', token: 'hf_x' },
    })
  })

  it('take a File, whose name goes along, or several', () => {
    const file = new File(['GGUF'], 'picked.gguf')
    expect(loadRequest({ model: file }).model).toEqual([{ name: 'picked.gguf', blob: file }])
    const other = new File(['{}'], 'config.json')
    Object.defineProperty(other, 'webkitRelativePath', { value: 'folder/config.json' })
    expect(loadRequest({ model: [file, other] }).model).toEqual([
      { name: 'picked.gguf', blob: file },
      { name: 'folder/config.json', blob: other },
    ])
  })

  it.each<[object | null, string, string]>([
    [{ model: '' }, 'model is ""', 'a File'],
    [{ model: 5 }, 'model is 5', 'a File'],
    [{ model: [] }, 'model is', 'a list of Files'],
    [{ model: ['owner/name'] }, 'model is', 'a list of Files'],
    [{}, 'model is missing', ''],
    [{ model, hub: 'x' }, 'hub is "x"', 'an object'],
    [{ model, hub: { endpoint: 'huggingface.co' } }, 'hub.endpoint is "huggingface.co"', 'https://'],
    [{ model, hub: { endpoint: 'ftp://x' } }, 'hub.endpoint is "ftp://x"', 'https://'],
    [{ model, hub: { token: 5 } }, 'hub.token is 5', 'a string'],
    [{ model, hub: { url: '' } }, 'hub.url', ''],
    [{ model, onProgress: 5 }, 'onProgress is 5', 'a function'],
    [{ model, onRecovery: {} }, 'onRecovery is', 'a function'],
    [{ model, signal: 5 }, 'signal is 5', 'an AbortSignal'],
    [{ model, kvCache: 'f32' }, 'kvCache is "f32"', 'an object'],
    [{ model, floatWeights: 'int8' }, 'floatWeights is "int8"', '"int4", "f16" or "exact"'],
    [{ model, invariance: true }, 'invariance is true', '"on" or "off"'],
    [{ model, tune: true }, 'tune is true', '"off", "cached" or "full"'],
    [{ model, precision: 'int8' }, 'precision is "int8"', '"exact" or "fast"'],
    [{ model, kvCache: { format: 'q8' } }, 'kvCache.format is "q8"', '"f32", "f16", "int8" or "int4"'],
    [{ model, kvCache: { maxTokens: 0 } }, 'kvCache.maxTokens is 0', 'at least 1'],
    [{ model, kvCache: { size: 5 } }, 'kvCache.size', ''],
    [{ model, conversations: true }, 'conversations is true', 'an object'],
    [{ model, conversations: { maxBytes: -1 } }, 'conversations.maxBytes is -1', 'at least 0'],
    [{ model, maxSequences: 0 }, 'maxSequences is 0', 'from 1 to 64'],
    [{ model, tokenBudget: 1 }, 'tokenBudget is 1', 'from 16 to 8192'],
    [{ model, gpu: {} }, 'gpu is {}', 'navigator.gpu'],
    [{ model, temperature: 1 }, 'There is no temperature', ''],
    [null, 'The argument is null', 'an object'],
  ])('of the wrong type or unknown are refused by name: %j', async (options, given, expected) => {
    const error = await failure(createEngine(options as EngineOptions))
    expect(error.code).toBe('invalid-option')
    expect(error.message).toContain(given)
    expect(error.message).toContain(expected)
  })

  it('say what is missing where there are no workers and no GPU object', async () => {
    const error = await failure(createEngine({ model }))
    expect(error.code).toBe('no-webgpu')
    expect(error.remedy).toContain('webgpu')
  })
})

it('tells what it is doing', async () => {
  const { engine } = await fakeEngine()
  expect(await engine.stats()).toEqual({
    runningSequences: 0,
    waitingSequences: 0,
    blocksInUse: 3,
    blocks: 10,
    cachedBlocks: 2,
    prefixHitTokens: 0,
    prefixEvictions: 0,
    steps: 7,
    recovering: false,
  })
})

describe('a conversation', () => {
  it('is saved, listed, restored and deleted by its name', async () => {
    const { engine } = await fakeEngine()
    const saved = await engine.saveConversation('tuesday')
    expect(saved).toMatchObject({ id: 'tuesday', tokens: 64, bytes: 2000 })
    expect(await engine.listConversations()).toEqual([saved])
    expect(await engine.restoreConversation('tuesday')).toBe(64)
    await engine.deleteConversation('tuesday')
    expect(await engine.listConversations()).toEqual([])
  })

  it('is no longer copied once the signal aborts', async () => {
    const { engine, service } = await fakeEngine()
    const controller = new AbortController()
    const saving = failure(engine.saveConversation('endless', { signal: controller.signal }))
    await settled()
    controller.abort()
    expect((await saving).code).toBe('aborted')
    await settled()
    expect(service.aborted).toHaveLength(1)
    const late = failure(engine.restoreConversation('tuesday', { signal: controller.signal }))
    expect((await late).code).toBe('aborted')
  })

  it.each([
    ['', {}, 'The conversation’s id is ""'],
    [5, {}, 'The conversation’s id is 5'],
    ['x', { signal: 5 }, 'signal is 5'],
    ['x', { timeout: 5 }, 'There is no timeout'],
    ['x', null, 'The second argument is null'],
  ])('is refused where it is named %j with %j', async (id, options, message) => {
    const { engine } = await fakeEngine()
    for (const name of ['saveConversation', 'restoreConversation', 'deleteConversation'] as const) {
      const error = await failure(engine[name](id as string, options as object))
      expect(error.code).toBe('invalid-option')
      expect(error.message).toContain(message)
    }
  })
})

describe('a profile', () => {
  it('is of a run of its own, or of what the app does meanwhile', async () => {
    const { engine, service } = await fakeEngine()
    expect(await engine.profile()).toEqual({ whyNoTimes: null, clockNs: 1, phases: [] })
    await engine.profile({ promptTokens: 64, tokens: 8 })
    await engine.profile({ during: () => engine.completions.create({ prompt: 'x' }) })
    expect(service.profiles).toEqual([
      'start',
      'run null null',
      'end',
      'start',
      'run 64 8',
      'end',
      'start',
      'end',
    ])
    expect(service.generations).toHaveLength(1)
  })

  it('ends where its signal aborts, and so does its run', async () => {
    const { engine, service } = await fakeEngine()
    const controller = new AbortController()
    const profile = failure(engine.profile({ tokens: 1000, signal: controller.signal }))
    await settled()
    controller.abort()
    expect((await profile).code).toBe('aborted')
    await settled()
    expect(service.profiles).toEqual(['start', 'run null 1000', 'end'])
    expect(service.aborted).toHaveLength(1)
  })

  it('ends where its signal aborts before it has begun, and as soon as that is over', async () => {
    const { engine, service } = await fakeEngine()
    let begin = () => {}
    service.startProfile = () =>
      new Promise((resolve) => {
        begin = resolve
      })
    const controller = new AbortController()
    const profile = failure(engine.profile({ signal: controller.signal }))
    await settled()
    controller.abort()
    expect((await profile).code).toBe('aborted')
    expect(service.profiles).toEqual([])
    const next = engine.profile()
    await settled()
    expect(service.profiles).toEqual([])
    service.startProfile = async () => {
      service.profiles.push('start')
    }
    begin()
    await next
    expect(service.profiles).toEqual(['end', 'start', 'run null null', 'end'])
  })

  it('ends where what the app does fails, and throws what it throws', async () => {
    const { engine, service } = await fakeEngine()
    const mine = new Error('mine')
    const during = () => {
      throw mine
    }
    await expect(engine.profile({ during })).rejects.toBe(mine)
    await settled()
    expect(service.profiles).toEqual(['start', 'end'])
  })

  it.each([
    [5, 'The argument is 5'],
    [{ tokens: 0 }, 'tokens is 0'],
    [{ during: 'x' }, 'during is "x"'],
    [{ during: async () => {}, tokens: 5 }, 'during is a function'],
    [{ prompt: 5 }, 'There is no prompt'],
  ])('is refused with %j', async (options, message) => {
    const { engine, service } = await fakeEngine()
    const error = await failure(engine.profile(options as object))
    expect(error).toMatchObject({ code: 'invalid-option', message: expect.stringContaining(message) })
    expect(service.profiles).toEqual([])
  })
})

describe('unloading', () => {
  it('rejects what is pending and what comes later, and releases the worker once', async () => {
    const service = new FakeService()
    service.script = endless
    const { connection, hungUp } = connect(service)
    const engine = await Engine.load(connection, request, {})
    const stream = await engine.chat.completions.create({ messages, stream: true })
    const reading = failure(all(stream))
    const whole = failure(engine.chat.completions.create({ messages }))
    await settled()
    await Promise.all([engine.unload(), engine.unload()])
    await engine.unload()
    expect((await reading).code).toBe('unloaded')
    expect((await whole).code).toBe('unloaded')
    expect((await failure(engine.stats())).code).toBe('unloaded')
    expect((await failure(engine.completions.create({ prompt: 'x' }))).code).toBe('unloaded')
    expect(service.unloads).toBe(1)
    expect(hungUp()).toBe(true)
  })

  it('happens at the end of an “await using” block', async () => {
    const { engine, service } = await fakeEngine()
    await engine[Symbol.asyncDispose]()
    expect(service.unloads).toBe(1)
  })

  it('does not wait for ever for a worker that does not answer', async () => {
    vi.useFakeTimers()
    try {
      const service = new FakeService()
      service.unload = never
      const { connection, hungUp } = connect(service)
      const engine = await Engine.load(connection, request, {})
      const unloaded = engine.unload()
      await vi.advanceTimersByTimeAsync(5000)
      await unloaded
      expect(hungUp()).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  })
})
