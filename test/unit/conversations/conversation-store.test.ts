import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { createStore, del, keys, set, type UseStore } from 'idb-keyval'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ConversationStore } from '../../../src/conversations/conversation-store'
import type { CacheIdentity } from '../../../src/conversations/record'

const identity: CacheIdentity = {
  content: 'a hash',
  model: 'owner/name/model.gguf at 0123',
  format: 'f16',
  invariance: 'on',
  layout: 1,
  blockSize: 4,
  blockBytes: 100,
  device: 'a GPU',
}
const { signal } = new AbortController()

let store: ConversationStore
let blocks: UseStore
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  vi.useFakeTimers({ toFake: ['Date'], now: 1000 })
  store = await ConversationStore.open(1000)
  blocks = createStore('octavo-conversation-blocks', 'blocks')
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const text = (length: number, first = 0) => Array.from({ length }, (_, i) => first + i)

/** What the cache has for the ids from `first` to the block's end. */
const content = (ids: readonly number[], index: number) =>
  new Uint8Array(100).fill(ids[index * 4 + 3]!, 0, 50).fill(ids[0]!, 50)

interface Saving {
  readonly ids?: readonly number[]
  readonly blocks?: number
  readonly with?: Partial<CacheIdentity>
  readonly signal?: AbortSignal
  /** Called before each block is read. */
  readonly onRead?: (index: number) => void
}

/** Saves a conversation of three blocks, if nothing else is said; gives the blocks that were read for it. */
async function save(id: string, saving: Saving = {}): Promise<number[]> {
  const { ids = text(14), blocks: count = Math.floor(ids.length / 4) } = saving
  const read: number[] = []
  vi.setSystemTime(Date.now() + 1)
  await store.save(
    {
      id,
      identity: { ...identity, ...saving.with },
      ids,
      blocks: count,
      read: async (index) => {
        saving.onRead?.(index)
        read.push(index)
        return content(ids, index)
      },
    },
    saving.signal ?? signal,
  )
  return read
}

/** The ids of the blocks that came back, each compared with what was saved. */
async function restore(id: string, changes: Partial<CacheIdentity> = {}): Promise<readonly number[]> {
  vi.setSystemTime(Date.now() + 1)
  let restored: readonly number[] = []
  const use: Parameters<ConversationStore['restore']>[2] = async ({ ids, blocks: count, read }) => {
    for (let index = 0; index < count; index++) {
      const bytes = await read(index)
      if (!bytes) break
      expect(bytes).toEqual(content(ids, index))
      restored = ids.slice(0, (index + 1) * 4)
    }
  }
  await store.restore(id, { ...identity, ...changes }, use, signal)
  return restored
}

const saved = async () => (await store.list()).map(({ id }) => id)
const blockCount = async () => (await keys(blocks)).length

describe('a saved conversation', () => {
  it('comes back block by block, with the ids of its blocks', async () => {
    await save('a')
    expect(await restore('a')).toEqual(text(12))
    expect((await store.list())[0]).toMatchObject({ id: 'a', identity })
  })

  it('ends before a block that the cache has no more', async () => {
    const ids = text(16)
    const read = async (index: number) => (index < 2 ? content(ids, index) : null)
    await store.save({ id: 'a', identity, ids, blocks: 4, read }, signal)
    expect(await restore('a')).toEqual(text(8))
  })

  it('that has grown reads and writes its new blocks only', async () => {
    await save('a')
    const before = await keys(blocks)
    expect(await save('a', { ids: text(21) })).toEqual([3, 4])
    expect(await keys(blocks)).toEqual(expect.arrayContaining(before))
    expect(await restore('a')).toEqual(text(20))
  })

  it('keeps what it has saved of its beginning where the cache has forgotten it', async () => {
    await save('a')
    expect(await save('a', { ids: text(40), blocks: 0 })).toEqual([])
    expect(await restore('a')).toEqual(text(12))
  })

  it('that was changed in the middle keeps the blocks before, and deletes those after', async () => {
    await save('a')
    const ids = [...text(6), ...text(8, 50)]
    expect(await save('a', { ids })).toEqual([1, 2])
    expect(await restore('a')).toEqual(ids.slice(0, 12))
    expect(await blockCount()).toBe(3)
  })

  it('is written anew whole by another model', async () => {
    await save('a')
    expect(await save('a', { with: { content: 'another hash' } })).toEqual([0, 1, 2])
    expect(await blockCount()).toBe(3)
  })

  it('is deleted with its blocks, and no other', async () => {
    await save('a')
    await save('b')
    await store.delete('a', signal)
    expect(await saved()).toEqual(['b'])
    expect(await blockCount()).toBe(3)
    expect(await restore('b')).toEqual(text(12))
  })
})

describe('a conversation is not restored', () => {
  it('where none is saved under the name', async () => {
    await expect(restore('a')).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining("'a'"),
    })
  })

  it.each<[Partial<CacheIdentity>, RegExp, RegExp]>([
    [
      { content: 'b', model: 'owner/other' },
      /computed by owner\/name.* and this engine runs owner\/other/,
      /Load/,
    ],
    [{ content: 'b' }, /another file of that name/, /Load/],
    [{ format: 'f32' }, /values are f16, and this engine’s are f32/, /kvCache\.format 'f16'/],
    [{ invariance: 'off' }, /with invariance on, and this engine has it off/, /invariance 'on'/],
    [{ precision: 'fast' }, /with precision exact, and this engine has fast/, /precision 'exact'/],
    [
      { rotation: 'long' },
      /turned by the unknown factors of LongRoPE, .*by the long ones/,
      /kvCache\.maxTokens/,
    ],
    [{ device: 'another GPU' }, /on a GPU, and this engine runs on another GPU/, /Use that GPU/],
    [{ layout: 2 }, /another version of Octavo .*layout 1.*layout 2/, /computed anew/],
    [{ blockSize: 8 }, /another version of Octavo .*4 tokens.*8 tokens/, /computed anew/],
    [{ blockBytes: 200 }, /another version of Octavo .*100 bytes.*200 bytes/, /computed anew/],
  ])('by a cache with %j', async (changes, message, remedy) => {
    await save('a')
    await expect(restore('a', changes)).rejects.toMatchObject({
      code: 'conversation-mismatch',
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    })
    expect(await restore('a')).toEqual(text(12))
  })

  it('from its first block on that is damaged or missing, which it then ends before', async () => {
    for (const harm of [
      (key: string) => set(key, new Uint8Array(100).fill(7), blocks),
      (key: string) => set(key, new Uint8Array(99), blocks),
      (key: string) => del(key, blocks),
    ]) {
      await save('a', { ids: text(20) })
      const [record] = await store.list()
      await harm(record!.blocks[2]!.key)
      expect(await restore('a')).toEqual(text(8))
      expect((await store.list())[0]!.blocks).toHaveLength(2)
      expect(await blockCount()).toBe(2)
      expect(await save('a', { ids: text(20) })).toEqual([2, 3, 4])
    }
  })
})

describe('the budget', () => {
  it('is kept by deleting those that were not used for longest', async () => {
    for (const id of ['a', 'b', 'c']) await save(id)
    await restore('a')
    await save('d')
    expect(await saved()).toEqual(['d', 'a', 'c'])
    expect(await blockCount()).toBe(9)
    await save('e', { ids: text(28) })
    expect(await saved()).toEqual(['e', 'd'])
    expect(await blockCount()).toBe(10)
  })

  it('refuses a conversation that is larger alone, before anything is read or deleted', async () => {
    await save('a')
    const read: number[] = []
    const saving = save('b', { ids: text(44), onRead: (index) => read.push(index) })
    await expect(saving).rejects.toMatchObject({
      code: 'conversation-too-large',
      message: expect.stringContaining("'b'"),
      remedy: expect.stringContaining('conversations.maxBytes'),
    })
    expect(read).toEqual([])
    expect(await saved()).toEqual(['a'])
  })
})

describe('saving that does not end well', () => {
  const grown = text(28)

  it('because it is aborted leaves what was saved before', async () => {
    await save('a')
    const controller = new AbortController()
    const onRead = (index: number) => {
      if (index === 5) controller.abort()
    }
    await expect(save('a', { ids: grown, onRead, signal: controller.signal })).rejects.toMatchObject({
      code: 'aborted',
    })
    expect(await restore('a')).toEqual(text(12))
    expect(await blockCount()).toBe(3)
  })

  it('because the disk is full leaves what was saved before, of all conversations', async () => {
    await save('a')
    await save('b')
    const put = IDBObjectStore.prototype.put
    let puts = 0
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args) {
      puts += 1
      if (puts === 3) throw new DOMException('full', 'QuotaExceededError')
      return put.apply(this, args)
    })
    await expect(save('a', { ids: grown })).rejects.toMatchObject({
      code: 'disk-full',
      remedy: expect.stringContaining('deleteConversation'),
    })
    vi.restoreAllMocks()
    expect(await saved()).toEqual(['b', 'a'])
    for (const id of ['a', 'b']) expect(await restore(id)).toEqual(text(12))
    expect(await blockCount()).toBe(6)
  })

  it('because the page dies leaves blocks that are never read, and that the next occasion deletes', async () => {
    await save('a')
    await set('left by a page that died', new Uint8Array(100), blocks)
    expect(await restore('a')).toEqual(text(12))
    await save('b')
    expect(await blockCount()).toBe(6)
  })

  it('keeps no one waiting: the next of those that wait has its turn', async () => {
    const order: string[] = []
    const failing = save('a', {
      onRead: () => {
        throw new Error('the GPU is gone')
      },
    })
    const next = save('b', { onRead: () => order.push('b') })
    await expect(failing).rejects.toThrow('the GPU is gone')
    await next
    expect(await saved()).toEqual(['b'])
    expect(order).toHaveLength(3)
  })
})

describe('many at once', () => {
  it('have their turns one after the other', async () => {
    const order: string[] = []
    await Promise.all(['a', 'b'].map((id) => save(id, { onRead: (index) => order.push(`${id}${index}`) })))
    expect(order).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'b2'])
  })

  it('do not take a turn that was aborted before it came', async () => {
    const controller = new AbortController()
    const first = save('a', { onRead: () => controller.abort() })
    const read: number[] = []
    const second = save('b', { signal: controller.signal, onRead: (index) => read.push(index) })
    await expect(second).rejects.toMatchObject({ code: 'aborted' })
    await first
    expect(read).toEqual([])
    expect(await saved()).toEqual(['a'])
  })

  it('wait for a Web Lock where there is one, and let go of it', async () => {
    const held: string[] = []
    const request = async (name: string, _: unknown, act: () => Promise<unknown>) => {
      held.push(name)
      return act()
    }
    vi.stubGlobal('navigator', { locks: { request } })
    try {
      await save('a')
      await store.delete('a', signal)
    } finally {
      vi.unstubAllGlobals()
    }
    expect(held).toEqual(['octavo-conversations', 'octavo-conversations'])
  })
})

it('says that there is no storage where IndexedDB is missing or forbidden', async () => {
  globalThis.indexedDB = {
    open: () => {
      throw new DOMException('no', 'SecurityError')
    },
  } as unknown as IDBFactory
  await expect(ConversationStore.open(1000)).rejects.toMatchObject({ code: 'no-storage' })
})
