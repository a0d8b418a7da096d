import { describe, expect, it } from 'vitest'
import { type Conversation, newConversation, userTurn } from '../../../demo/chat/conversation'
import { cacheKey, ReadyChats } from '../../../demo/chat/ready-chats'

const chat = (): Conversation => ({ ...newConversation(), turns: [userTurn('Hello')] })
const saved = (id: string) => ({ id, model: 'a model', tokens: 64, bytes: 2000, usedAt: 5 })

/** An engine that has saved these conversations, and notes what is asked of it. */
function engineWith(...names: string[]) {
  const kept = new Map(names.map((name) => [name, saved(name)]))
  const calls: string[] = []
  const engine = {
    saveConversation: async (id: string) => {
      calls.push(`save ${id}`)
      kept.set(id, saved(id))
      return saved(id)
    },
    restoreConversation: async (id: string) => {
      calls.push(`restore ${id}`)
      if (kept.has(id)) return 64
      throw new Error('there is none')
    },
    listConversations: async () => [...kept.values()],
    deleteConversation: async (id: string) => void kept.delete(id),
  }
  return { engine, kept, calls }
}

describe('a chat that is kept ready', () => {
  it('comes back once after each load of the model', async () => {
    const [known, fresh] = [chat(), chat()]
    const { engine, calls } = engineWith(cacheKey(known))
    const ready = new ReadyChats()
    await ready.setEngine(engine, async () => [known, fresh])
    await Promise.all([ready.restore(known), ready.restore(known), ready.restore(fresh)])
    expect(calls).toEqual([`restore ${cacheKey(known)}`])
    expect(ready.changed.value.get(known.id)).toEqual({ restoredTokens: 64, kept: null })
    await ready.setEngine(engine, async () => [known])
    expect(ready.changed.value.size).toBe(0)
    await ready.restore(known)
    expect(calls).toHaveLength(2)
  })

  it('is kept after its answer, and says how much of it', async () => {
    const one = chat()
    const { engine, kept } = engineWith()
    const ready = new ReadyChats()
    await ready.setEngine(engine, async () => [one])
    await ready.save(one)
    expect([...kept.keys()]).toEqual([cacheKey(one)])
    expect(ready.changed.value.get(one.id)?.kept).toMatchObject({ tokens: 64, bytes: 2000 })
  })

  it('is read again where the engine cannot bring it back or save it', async () => {
    const one = chat()
    const { engine } = engineWith(cacheKey(one))
    const failing = async () => {
      throw new Error('another model')
    }
    const ready = new ReadyChats()
    const broken = { ...engine, restoreConversation: failing, saveConversation: failing }
    await ready.setEngine(broken, async () => [one])
    await ready.restore(one)
    await ready.save(one)
    expect(ready.changed.value.size).toBe(0)
  })

  it('is forgotten when it is deleted, also while it is being saved', async () => {
    const one = chat()
    const { engine, kept } = engineWith()
    const ready = new ReadyChats()
    await ready.setEngine(engine, async () => [one])
    const saving = ready.save(one)
    await Promise.all([ready.remove(one), saving])
    expect(kept.size).toBe(0)
    await ready.save(one)
    expect(kept.size).toBe(0)
  })

  it('that was deleted while no model was loaded is forgotten at the next load; what other pages saved is left', async () => {
    const [one, gone] = [chat(), chat()]
    const { engine, kept } = engineWith(cacheKey(one), cacheKey(gone), 'of another page')
    const ready = new ReadyChats()
    await ready.setEngine(engine, async () => [one])
    expect([...kept.keys()]).toEqual([cacheKey(one), 'of another page'])
  })
})

it('nothing is kept where the person does not want it, and what was is deleted', async () => {
  const one = chat()
  const { engine, kept, calls } = engineWith(cacheKey(one))
  const ready = new ReadyChats()
  await ready.setEngine(engine, async () => [one])
  await ready.setWanted(false)
  expect(kept.size).toBe(0)
  await ready.save(one)
  await ready.restore(one)
  expect(calls).toEqual([])
  kept.set(cacheKey(one), saved(cacheKey(one)))
  await ready.setEngine(engine, async () => [one])
  expect(kept.size).toBe(0)
})
