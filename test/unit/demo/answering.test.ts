import { OctavoError } from 'octavo'
import { describe, expect, it } from 'vitest'
import { type AnswerFigures, answer } from '../../../demo/chat/answering'
import { fakeChatEngine } from './fake-chat-engine'

type Script = Parameters<typeof fakeChatEngine>[0]

async function run(script: Script, continues = false) {
  const { engine, bodies, now } = fakeChatEngine(script)
  let text = ''
  let figures: AnswerFigures | null = null
  const end = await answer({
    engine,
    messages: [{ role: 'user', content: 'Hello' }],
    cacheKey: 'a chat',
    ready: Promise.resolve(),
    continues,
    settings: { temperature: 0.3, maxTokens: 64 },
    signal: new AbortController().signal,
    onText: (more) => {
      text += more
    },
    onFigures: (latest) => {
      figures = latest
    },
    onPrefill: () => {},
    now,
  })
  return { end, text, figures: figures as AnswerFigures | null, bodies, body: bodies[0]! }
}

const steps = [
  { afterMs: 80, text: 'Good', tokens: 1 },
  { afterMs: 100, text: ' day', tokens: 2 },
  { afterMs: 100, text: '.', tokens: 2 },
]

describe('an answer', () => {
  it('gathers the text and measures first token and pace', async () => {
    const { end, text, figures } = await run({ steps })
    expect(end).toEqual({ kind: 'done' })
    expect(text).toBe('Good day.')
    expect(figures).toEqual({
      firstTokenMs: 80,
      tokensPerSecond: 20,
      promptTokens: 10,
      answerTokens: 5,
      cachedTokens: 3,
    })
  })

  it('asks with the settings', async () => {
    const { body } = await run({ steps })
    expect(body).toMatchObject({ temperature: 0.3, max_completion_tokens: 64, prompt_cache_key: 'a chat' })
    expect(body.continue_final_message).toBeUndefined()
  })

  it('asks to go on where it continues', async () => {
    const { body } = await run({ steps }, true)
    expect(body).toMatchObject({ add_generation_prompt: false, continue_final_message: true })
  })

  it('tells a cut at the settings’ length from a full context', async () => {
    expect((await run({ steps, reason: 'length' })).end.kind).toBe('length')
    expect((await run({ steps, reason: 'length', contextLength: 15 })).end.kind).toBe('context')
  })

  it('is asked for without a length where the context has no room for the settings’', async () => {
    const error = new OctavoError('context-too-long', 'Too long.', 'Shorten it.')
    const { end, text, bodies } = await run({
      steps,
      refuse: ({ max_completion_tokens }) => (max_completion_tokens ? error : null),
    })
    expect(bodies.map(({ max_completion_tokens }) => max_completion_tokens)).toEqual([64, null])
    expect(text).toBe('Good day.')
    expect(end).toEqual({ kind: 'done' })
    expect((await run({ steps, refuse: () => error })).end).toMatchObject({ code: 'context-too-long' })
  })

  it('counts as stopped where it was aborted, and keeps its text', async () => {
    const { end, text } = await run({ steps, error: new OctavoError('aborted', 'Aborted.', 'Ask again.') })
    expect(end).toEqual({ kind: 'stopped' })
    expect(text).toBe('Good day.')
  })

  it('ends with the error that ended it', async () => {
    const error = new OctavoError('context-too-long', 'Too long.', 'Shorten it.')
    expect((await run({ steps: [], error })).end).toEqual({
      kind: 'error',
      code: 'context-too-long',
      message: 'Too long.',
      remedy: 'Shorten it.',
    })
  })
})
