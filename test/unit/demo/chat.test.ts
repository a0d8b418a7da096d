import { describe, expect, it } from 'vitest'
import { Chat, type ChatHooks } from '../../../demo/chat/chat'
import { type Conversation, messagesOf, reopened, titleOf } from '../../../demo/chat/conversation'
import type { ConversationStore } from '../../../demo/chat/conversation-store'
import { defaultSettings } from '../../../demo/settings/settings'
import { fakeChatEngine } from './fake-chat-engine'

function memoryStore() {
  const kept = new Map<string, Conversation>()
  const store = {
    all: async () => [...kept.values()],
    save: async (conversation: Conversation) => void kept.set(conversation.id, structuredClone(conversation)),
    remove: async ({ id }: Conversation) => void kept.delete(id),
  }
  return { store: store as unknown as ConversationStore, kept }
}

function chatWith(reason: 'stop' | 'length' = 'stop') {
  const fake = fakeChatEngine({ steps: [{ afterMs: 1, text: 'Yes.', tokens: 2 }], reason })
  const { store, kept } = memoryStore()
  const ends: string[] = []
  const hooks: ChatHooks = {
    engine: () => fake.engine,
    settings: () => ({ ...defaultSettings, systemPrompt: 'Be brief.' }),
    ready: async () => {},
    onList: () => {},
    onTurns: () => {},
    onTurn: () => {},
    onEnd: (_, __, end) => ends.push(end.kind),
  }
  return { chat: new Chat(store, hooks), kept, ends, bodies: fake.bodies }
}

const texts = ({ turns }: Conversation) => turns.map(({ text }) => text)

describe('a chat', () => {
  it('sends the system prompt and the turns so far, and keeps what was said', async () => {
    const { chat, bodies, kept, ends } = chatWith()
    await chat.send('One?', null)
    await chat.send('Two?', null)
    expect(bodies[1]!.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'One?' },
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: 'Two?' },
    ])
    expect(ends).toEqual(['done', 'done'])
    expect([...kept.values()].map(texts)).toEqual([['One?', 'Yes.', 'Two?', 'Yes.']])
  })

  it('replaces an edited turn and what followed it', async () => {
    const { chat } = chatWith()
    await chat.send('One?', null)
    await chat.send('Two?', null)
    await chat.send('Uno?', chat.open.turns[0]!.id)
    expect(texts(chat.open)).toEqual(['Uno?', 'Yes.'])
  })

  it('answers anew in the place of the last answer', async () => {
    const { chat, bodies } = chatWith()
    await chat.send('One?', null)
    await chat.regenerate()
    expect(texts(chat.open)).toEqual(['One?', 'Yes.'])
    expect(bodies[1]!.messages.at(-1)).toEqual({ role: 'user', content: 'One?' })
  })

  it('lets a cut answer go on in the same turn', async () => {
    const { chat, bodies } = chatWith('length')
    await chat.send('One?', null)
    await chat.continue()
    expect(texts(chat.open)).toEqual(['One?', 'Yes.Yes.'])
    expect(bodies[1]!.messages.at(-1)).toEqual({ role: 'assistant', content: 'Yes.' })
    expect(bodies[1]!.continue_final_message).toBe(true)
  })

  it('begins a new conversation, lists the latest first, and forgets a removed one', async () => {
    const { chat, kept } = chatWith()
    await chat.send('One?', null)
    const first = chat.open
    chat.newChat()
    await chat.send('Two?', null)
    expect(chat.list.map(titleOf)).toEqual(['Two?', 'One?'])
    await chat.remove(first)
    expect(chat.list.map(titleOf)).toEqual(['Two?'])
    expect(kept.size).toBe(1)
  })
})

describe('a conversation', () => {
  it('is titled by its first question, on one short line', () => {
    const title = titleOf({
      id: '1',
      changedAt: 0,
      turns: [{ id: 'a', role: 'user', text: `Why\n${'is it '.repeat(20)}` }],
    })
    expect(title).toMatch(/^Why is it .*…$/)
    expect(title.length).toBeLessThanOrEqual(60)
  })

  it('leaves empty answers and an empty system prompt out of what the model reads', () => {
    const turns = [
      { id: 'a', role: 'user' as const, text: 'Hello' },
      { id: 'b', role: 'assistant' as const, text: '', end: { kind: 'stopped' as const } },
    ]
    expect(messagesOf(turns, '  ')).toEqual([{ role: 'user', content: 'Hello' }])
  })

  it('counts an answer that the page’s end cut off as stopped', () => {
    const kept: Conversation = {
      id: '1',
      changedAt: 0,
      turns: [{ id: 'b', role: 'assistant', text: 'The sky', end: null }],
    }
    expect(reopened(kept).turns[0]).toMatchObject({ text: 'The sky', end: { kind: 'stopped' } })
  })
})
