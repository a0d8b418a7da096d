import { describe, expect, it } from 'vitest'
import type { Engine } from '../../../src/engine/engine'
import type { GenerateOptions, GenerationEvent, GenerationRequest } from '../../../src/engine/generation'
import type { GpuRunner } from '../../../src/model/runner'
import type { ChatTemplate } from '../../../src/text/chat-template'
import type { Tokenizer } from '../../../src/text/types'
import type { EngineDiagnostics } from '../../../src/util/diagnostics'
import { OctavoError } from '../../../src/util/octavo-error'
import type { Conversations } from '../../../src/worker/conversations'
import { lengthsOf } from '../../../src/worker/profiled-run'
import type { EngineInfo, EngineStats, WireEvent, WireGeneration } from '../../../src/worker/protocol'
import { Session } from '../../../src/worker/session'

const letter = (id: number) => String.fromCharCode(96 + id)

/** Whether answers go on from a text, in the order in which they began. */
const continuing: boolean[] = []

/** Letters are tokens: a is 1. */
const tokenizer: Tokenizer = {
  size: 27,
  eosIds: [26],
  bosId: 0,
  addsBos: true,
  before: [0],
  after: [],
  frames: {
    single: [
      { ids: [0], type: 0 },
      { text: 0, type: 0 },
    ],
    pair: null,
  },
  specialTokens: new Map(),
  encode: (text, { addBos }) => [
    ...(addBos ? [0] : []),
    ...Array.from(text, (char) => char.charCodeAt(0) - 96),
  ],
  tokenBytes: (id) => new TextEncoder().encode(letter(id)),
  isSpecial: (id) => id === 0 || id === 26,
  detokenizer: ({ skipSpecialTokens, continues = false }) => {
    continuing.push(continues)
    return { push: (id) => (skipSpecialTokens && id === 0 ? '' : letter(id)), finish: () => '' }
  },
}

const rendered: unknown[] = []
const template = {
  encodeChat(...given: unknown[]) {
    rendered.push(given)
    return { text: 'chat', ids: [3, 8, 1, 20] }
  },
} as unknown as ChatTemplate

const wire: WireGeneration = {
  id: 'g',
  prompt: { kind: 'text', text: 'ab', addBos: true },
  sampler: {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: 1,
    repetitionPenalty: 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    logitBias: [],
    allowedIds: null,
  },
  stop: {
    maxTokens: null,
    defaultMaxTokens: null,
    minTokens: 0,
    ignoreEos: false,
    stopTokenIds: [],
    stopStrings: [],
    includeStopString: false,
  },
  logprobs: null,
  promptLogprobs: null,
  skipSpecialTokens: true,
  priority: 0,
  conversation: null,
  echo: false,
}

const usage = { promptTokens: 3, completionTokens: 1 }
const finish: GenerationEvent = { type: 'finish', reason: 'stop', stopReason: null, usage }

const stats: EngineStats = {
  runningSequences: 0,
  waitingSequences: 0,
  blocksInUse: 0,
  blocks: 1,
  cachedBlocks: 0,
  prefixHitTokens: 0,
  prefixEvictions: 0,
  steps: 0,
  recovering: false,
}

/** May throw, as the engine does at once for what it does not take. */
type Generate = (options: GenerateOptions) => Promise<void>
const finishAtOnce: Generate = async ({ onEvents }) => onEvents([finish])

/** Starts a request: what it becomes for the engine, and what the engine's events become for the page. */
function start(request: Partial<WireGeneration>, generate: Generate, answers = 1) {
  const requests: GenerationRequest[] = []
  const posted: WireEvent[][] = []
  const engine: Pick<Engine, 'generateAll' | 'stats'> = {
    generateAll: (generations) => {
      requests.push(...generations.map((each) => each.request))
      return generations.map(({ options }) => generate(options))
    },
    stats: () => stats,
  }
  const info = { model: { contextLength: 512 } } as EngineInfo
  const conversations = async () => ({}) as Conversations
  const runner = { limits: { vocabSize: 27 } } as GpuRunner
  const session = new Session({
    info,
    diagnostics: async () => ({}) as EngineDiagnostics,
    engine,
    runner,
    tokenizer,
    template,
    conversations,
    unload: () => {},
  })
  const { signal } = new AbortController()
  const post = (events: readonly WireEvent[]) => posted.push([...events])
  const one = { ...wire, ...request }
  const all = Array.from({ length: answers }, (_, i) => ({ request: { ...one, id: `g${i}` }, post, signal }))
  const done = (async () => {
    await Promise.all(session.generate(all))
  })()
  return { session, done, posted, requests }
}

async function run(request: Partial<WireGeneration>, generate = finishAtOnce) {
  const { done, posted, requests } = start(request, generate)
  await done
  return { posted, request: requests[0]! }
}

describe('a prompt', () => {
  it('that is a text is tokenized, with a begin-of-text token where it is wanted', async () => {
    expect((await run({})).request.promptIds).toEqual([0, 1, 2])
    const prompt = { kind: 'text', text: 'ab', addBos: false } as const
    expect((await run({ prompt })).request.promptIds).toEqual([1, 2])
  })

  it('that is ids goes to the engine as it is', async () => {
    expect((await run({ prompt: { kind: 'ids', ids: [5, 6] } })).request.promptIds).toEqual([5, 6])
  })

  it('that is a chat goes through the template', async () => {
    const messages = [{ role: 'user', content: 'Hi' }]
    const variables = { enable_thinking: false }
    const prompt = {
      kind: 'chat',
      messages,
      addGenerationPrompt: true,
      continueFinalMessage: false,
      variables,
    } as const
    expect((await run({ prompt })).request.promptIds).toEqual([3, 8, 1, 20])
    expect(rendered.at(-1)).toEqual([
      messages,
      { addGenerationPrompt: true, continueFinalMessage: false, variables },
    ])
  })

  it('is answered to the context’s end where no length is given', async () => {
    expect((await run({})).request.stop.maxTokens).toBe(509)
    expect((await run({ stop: { ...wire.stop, maxTokens: 0 } })).request.stop.maxTokens).toBe(0)
    expect((await run({ stop: { ...wire.stop, maxTokens: 600 } })).request.stop.maxTokens).toBe(600)
  })

  it('has a default length that is cut at the context’s end', async () => {
    const stop = { ...wire.stop, defaultMaxTokens: 16 }
    expect((await run({ stop })).request.stop.maxTokens).toBe(16)
    const ids = Array.from({ length: 500 }, () => 1)
    expect((await run({ stop, prompt: { kind: 'ids', ids } })).request.stop.maxTokens).toBe(12)
    // The engine is to say that the prompt is too long.
    const tooLong = Array.from({ length: 513 }, () => 1)
    expect((await run({ stop, prompt: { kind: 'ids', ids: tooLong } })).request.stop.maxTokens).toBe(1)
  })

  it('with several answers is tokenized once, for the engine to see that it is one', async () => {
    const { done, requests } = start({}, finishAtOnce, 3)
    await done
    expect(requests).toHaveLength(3)
    expect(requests.every(({ promptIds }) => promptIds === requests[0]!.promptIds)).toBe(true)
  })
})

describe('events', () => {
  it('begin with the prompt’s ids, and its text where it is to be echoed', async () => {
    const accepted = { type: 'accepted', promptIds: [0, 1, 2], echo: null }
    expect((await run({})).posted).toEqual([[accepted], [finish]])
    const echo = { text: 'ab', firstToken: tokenizer.tokenBytes(0) }
    expect((await run({ echo: true })).posted[0]).toEqual([{ ...accepted, echo }])
    const ids = { kind: 'ids', ids: [0, 3, 4] } as const
    expect((await run({ prompt: ids, echo: true })).posted[0]![0]).toMatchObject({ echo: { text: 'cd' } })
  })

  it('tell that a request was accepted before the engine’s first step', async () => {
    const { posted } = start({}, () => new Promise(() => {}))
    await new Promise((resolve) => setTimeout(resolve))
    expect(posted).toEqual([[expect.objectContaining({ type: 'accepted' })]])
  })

  it('carry the bytes of tokens beside their ids', async () => {
    const top = [{ id: 7, logprob: -0.25 }]
    const logprobs = { id: 4, logprob: -2, rank: 3, top }
    const { posted } = await run({}, async ({ onEvents }) => {
      onEvents([{ type: 'prompt', logprobs: [null, logprobs], cachedTokens: 0 }])
      onEvents([{ type: 'delta', text: 'd', ids: [4], logprobs: [logprobs] }, finish])
    })
    const bytes = tokenizer.tokenBytes
    const wired = { ...logprobs, bytes: bytes(4), top: [{ ...top[0], bytes: bytes(7) }] }
    expect(posted.slice(1)).toEqual([
      [{ type: 'prompt', logprobs: [null, wired], cachedTokens: 0 }],
      [{ type: 'delta', text: 'd', ids: [4], logprobs: [wired] }, finish],
    ])
  })

  it('do not begin where the engine refuses the request', async () => {
    const refusal = new OctavoError('context-too-long', 'Too long.', 'Shorten it.')
    const refuse = () => {
      throw refusal
    }
    const { done, posted } = start({}, refuse, 2)
    await expect(done).rejects.toBe(refusal)
    expect(posted).toEqual([])
  })
})

describe('a run to be profiled', () => {
  it('takes as many tokens as asked for, goes past the end and reads another prompt each time', async () => {
    const { session, requests } = start({}, finishAtOnce)
    const { signal } = new AbortController()
    await session.runProfiled({ id: 'p', promptTokens: 50, tokens: 7 }, signal)
    await session.runProfiled({ id: 'p', promptTokens: 50, tokens: 7 }, signal)
    const [, first, second] = requests
    expect(first).toMatchObject({ stop: { maxTokens: 7, ignoreEos: true }, sampler: { temperature: 0 } })
    expect(first!.promptIds).toHaveLength(50)
    for (const id of first!.promptIds) expect(id).toBeLessThan(27)
    expect(second!.promptIds[0]).not.toBe(first!.promptIds[0])
  })

  it('takes what is usual where the context has room, and else less', async () => {
    const { session, requests } = start({}, finishAtOnce)
    const run = { id: 'p', promptTokens: null, tokens: null }
    await session.runProfiled(run, new AbortController().signal)
    expect(requests[1]).toMatchObject({ promptIds: { length: 128 }, stop: { maxTokens: 32 } })
    expect(lengthsOf(run, 40)).toEqual({ promptTokens: 20, tokens: 10 })
  })
})

describe('an answer', () => {
  const chat = { kind: 'chat', messages: [], addGenerationPrompt: true, variables: {} } as const
  it.each<[string, WireGeneration['prompt'], boolean]>([
    ['a text', { kind: 'text', text: 'ab', addBos: true }, true],
    ['no text', { kind: 'text', text: '', addBos: true }, false],
    ['ids', { kind: 'ids', ids: [0, 5] }, true],
    ['a conversation', { ...chat, continueFinalMessage: false }, false],
    ['a message that was left open', { ...chat, continueFinalMessage: true }, true],
  ])('goes on from %s: %s', async (_, prompt, expected) => {
    continuing.length = 0
    await run({ prompt })
    expect(continuing).toEqual([expected])
  })
})
