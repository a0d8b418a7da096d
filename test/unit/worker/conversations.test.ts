import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { beforeEach, describe, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import type { RunnerLimits } from '../../../src/model/step'
import { OctavoError } from '../../../src/util/octavo-error'
import { Conversations } from '../../../src/worker/conversations'
import { FakeRunner } from '../engine/fake-runner'
import { type Answer, expected, generate, openEnded, prompt, request } from '../engine/generate'

const { signal } = new AbortController()

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory()
})

/** An engine as after a load, with what is saved on this device. */
function loaded(limits: Partial<RunnerLimits> = {}, maxBytes = 2 ** 20) {
  const runner = new FakeRunner(limits)
  const engine = new Engine(runner)
  const identity = {
    content: 'a hash',
    model: 'a model',
    format: 'f32',
    invariance: 'on',
    layout: 1,
    blockSize: 4,
    blockBytes: runner.blockBytes,
    device: 'a GPU',
  }
  const parts = { engine, blocks: runner, identity, maxBytes }
  return { runner, engine, conversations: new Conversations(parts), parts }
}

const cachedTokens = ({ events }: Answer) =>
  events.flatMap((event) => (event.type === 'prompt' ? [event.cachedTokens] : []))[0]

/** 30 tokens, of which the answer's last was never computed: seven whole blocks. */
const conversation = (asked: number[] = prompt(10)) =>
  request(asked, { maxTokens: 20, ignoreEos: true }, { conversation: 'a' })

/** Answers and saves; gives the conversation's ids. */
async function answeredAndSaved(): Promise<number[]> {
  const { engine, conversations } = loaded()
  const { ids } = await generate(engine, conversation())
  expect(await conversations.save('a', signal)).toMatchObject({ id: 'a', tokens: 28, bytes: 7 * 16 })
  engine.checkIntegrity()
  return [...prompt(10), ...ids]
}

describe('a conversation', () => {
  it('comes back in another engine: the next turn computes what is new only, and answers the same', async () => {
    const ids = [...(await answeredAndSaved()), ...prompt(6, 9)]
    const { engine, conversations } = loaded()
    expect(await conversations.restore('a', signal)).toBe(28)
    expect(engine.stats()).toMatchObject({ blocksInUse: 0, cachedBlocks: 7 })
    const answer = await generate(engine, request(ids))
    expect(cachedTokens(answer)).toBe(28)
    expect(answer.ids).toEqual(expected(ids, 20))
    engine.checkIntegrity()
  })

  it('that was restored can be saved again, and grows', async () => {
    const ids = await answeredAndSaved()
    const { engine, conversations } = loaded()
    await conversations.restore('a', signal)
    expect(await conversations.save('a', signal)).toMatchObject({ tokens: 28 })
    await generate(engine, conversation([...ids, ...prompt(6, 9)]))
    expect(await conversations.save('a', signal)).toMatchObject({ tokens: 52 })
  })

  it('is saved as far as it came where its generation was aborted', async () => {
    const { engine, conversations } = loaded()
    const controller = new AbortController()
    let tokens = 0
    const onEvents = () => {
      if (++tokens === 12) controller.abort()
    }
    const aborted = generate(engine, conversation(), controller.signal, onEvents)
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    const { tokens: saved } = await conversations.save('a', signal)
    expect(saved).toBeGreaterThanOrEqual(16)
    expect(saved).toBeLessThan(28)
  })

  it('that no request named, or that was forgotten for others, cannot be saved', async () => {
    const { engine, conversations } = loaded()
    await generate(engine, conversation())
    await expect(conversations.save('b', signal)).rejects.toMatchObject({
      code: 'not-found',
      remedy: expect.stringContaining("prompt_cache_key: 'b'"),
    })
    for (let i = 0; i < 63; i++) engine.conversations.set(`${i}`, [1])
    await conversations.save('a', signal)
    engine.conversations.set('one too many', [1])
    await expect(conversations.save('a', signal)).rejects.toMatchObject({ code: 'not-found' })
  })

  it('is listed with the model that computed it, and deleted', async () => {
    await answeredAndSaved()
    const { conversations } = loaded()
    expect(await conversations.list()).toEqual([
      { id: 'a', model: 'a model', tokens: 28, bytes: 112, usedAt: expect.any(Number) },
    ])
    await conversations.delete('a', signal)
    expect(await conversations.list()).toEqual([])
  })

  it('is neither saved nor restored where that is switched off, but can be deleted', async () => {
    await answeredAndSaved()
    const { engine, conversations } = loaded({}, 0)
    await generate(engine, conversation())
    const off = { code: 'invalid-option', message: expect.stringContaining('maxBytes is 0') }
    await expect(conversations.save('a', signal)).rejects.toMatchObject(off)
    await expect(conversations.restore('a', signal)).rejects.toMatchObject(off)
    await conversations.delete('a', signal)
    expect(await conversations.list()).toEqual([])
  })
})

it('a conversation with a model that keeps a state is neither saved nor restored, and the error says why', async () => {
  await answeredAndSaved()
  const { engine, conversations } = loaded({ hasState: true })
  await generate(engine, conversation())
  const error = { code: 'invalid-request', message: expect.stringContaining('keep a state') }
  await expect(conversations.save('a', signal)).rejects.toMatchObject(error)
  await expect(conversations.restore('a', signal)).rejects.toMatchObject(error)
  expect(await conversations.list()).toHaveLength(1)
})

describe('copying', () => {
  it('goes on beside running streams, which get the ids that they would have had', async () => {
    await answeredAndSaved()
    const { engine, conversations } = loaded()
    const stream = generate(engine, request(openEnded(20)))
    const restoring = conversations.restore('a', signal)
    const other = generate(engine, { ...conversation(prompt(12, 5)), conversation: 'b' })
    expect(await restoring).toBe(28)
    expect((await stream).ids).toEqual(expected(openEnded(20), 20))
    await other
    const saving = conversations.save('b', signal)
    const beside = generate(engine, request(openEnded(20)))
    await saving
    expect((await beside).ids).toEqual(expected(openEnded(20), 20))
    engine.checkIntegrity()
  })

  it('gives way to a sequence that needs the memory, and what was saved by then is whole', async () => {
    const { runner, engine, conversations } = loaded({ blocks: 10, maxContext: 40 })
    const { ids } = await generate(engine, conversation())
    const read = runner.read.bind(runner)
    let reads = 0
    let stream: Promise<Answer> | null = null
    runner.read = async (block) => {
      const bytes = read(block)
      // The copy is on its way when the stream takes the block.
      if (++reads === 3) {
        stream = generate(engine, request(prompt(38, 7), { maxTokens: 2, ignoreEos: true }))
        await stream
      }
      return bytes
    }
    expect(await conversations.save('a', signal)).toMatchObject({ tokens: 12 })
    expect((await stream!).ids).toHaveLength(2)
    engine.checkIntegrity()
    const again = loaded()
    expect(await again.conversations.restore('a', signal)).toBe(12)
    const next = [...prompt(10), ...ids]
    expect((await generate(again.engine, request(next))).ids).toEqual(expected(next, 20))
  })

  it('restores what there is room for beside running streams', async () => {
    await answeredAndSaved()
    const { runner, engine, conversations } = loaded({ blocks: 8, maxContext: 32 })
    let restored: Promise<number> | null = null
    const run = runner.run.bind(runner)
    runner.run = async (chunks) => {
      const results = await run(chunks)
      await restored
      return results
    }
    await generate(engine, request(prompt(15, 3), { maxTokens: 9, ignoreEos: true }), signal, () => {
      restored ??= conversations.restore('a', signal)
      engine.checkIntegrity()
    })
    // The stream has five of the eight blocks by then.
    expect(await restored!).toBe(12)
    engine.checkIntegrity()
    expect(engine.stats().blocksInUse).toBe(0)
  })

  it('takes the room of what was kept longest, never of its own beginning', async () => {
    const ids = await answeredAndSaved()
    const { engine, conversations } = loaded({ blocks: 8, maxContext: 32 })
    await generate(engine, request(prompt(20, 3), { maxTokens: 1 }))
    expect(await conversations.restore('a', signal)).toBe(28)
    expect(cachedTokens(await generate(engine, request(ids, { maxTokens: 1 })))).toBe(28)
  })

  it('can be aborted at any time and loses no block', async () => {
    const ids = await answeredAndSaved()
    for (let after = 0; after < 8; after++) {
      for (const kind of ['read', 'write'] as const) {
        const { runner, engine, conversations } = loaded()
        if (kind === 'read') await generate(engine, { ...conversation(prompt(10, 4)), conversation: 'b' })
        const controller = new AbortController()
        let copies = 0
        const aborting = () => {
          if (copies++ === after) controller.abort()
        }
        const [read, write] = [runner.read.bind(runner), runner.write.bind(runner)]
        runner.read = (block) => {
          aborting()
          return read(block)
        }
        runner.write = (block, bytes) => {
          aborting()
          return write(block, bytes)
        }
        const copying =
          kind === 'read'
            ? conversations.save('b', controller.signal)
            : conversations.restore('a', controller.signal)
        // Once the last block is on its way to the GPU, the conversation is there.
        if (after < (kind === 'read' ? 7 : 6))
          await expect(copying).rejects.toMatchObject({ code: 'aborted' })
        else await copying
        engine.checkIntegrity()
        expect(engine.stats().blocksInUse).toBe(0)
        expect((await conversations.list()).map(({ id }) => id)).toContain('a')
        expect((await generate(engine, request(ids))).ids).toEqual(expected(ids, 20))
        await conversations.delete('b', signal)
      }
    }
  })

  it('is saved and restored again where the GPU goes meanwhile', async () => {
    const { engine, conversations } = loaded()
    const { ids } = await generate(engine, conversation())
    await conversations.save('a', signal)
    const { runner, engine: other, conversations: restored, parts } = loaded()
    const write = runner.write.bind(runner)
    runner.write = async (block, bytes) => {
      await write(block, bytes)
      if (block !== 3) return
      runner.lose()
      throw new DOMException('mapping failed', 'AbortError')
    }
    const restoring = restored.restore('a', signal)
    while (!other.stats().recovering) await new Promise((resolve) => setImmediate(resolve))
    const next = new FakeRunner()
    parts.blocks = next
    other.resume(next)
    expect(await restoring).toBe(28)
    expect(other.stats()).toMatchObject({ blocksInUse: 0, cachedBlocks: 7 })
    const asked = request([...prompt(10), ...ids, ...prompt(6, 9)])
    const answer = await generate(other, asked)
    expect(cachedTokens(answer)).toBe(28)
    expect(answer.ids).toEqual(expected(asked.promptIds, 20))

    next.read = async () => {
      next.lose()
      throw new DOMException('mapping failed', 'AbortError')
    }
    other.conversations.set('b', [...prompt(10), ...ids])
    const saving = restored.save('b', signal)
    while (!other.stats().recovering) await new Promise((resolve) => setImmediate(resolve))
    other.resume(new FakeRunner())
    // Nothing of it is left to be saved.
    expect(await saving).toMatchObject({ id: 'b', tokens: 0 })
    expect(await restored.list()).toMatchObject([
      { id: 'b', tokens: 0 },
      { id: 'a', tokens: 28 },
    ])
    other.checkIntegrity()
  })

  it('is restored again where writes to a GPU that is gone tell nothing of it', async () => {
    const { engine, conversations } = loaded()
    await generate(engine, conversation())
    await conversations.save('a', signal)
    const { runner, engine: other, conversations: restored, parts } = loaded()
    const write = runner.write.bind(runner)
    const next = new FakeRunner()
    runner.write = async (block, bytes) => {
      await write(block, bytes)
      if (block !== 3) return
      other.pause()
      parts.blocks = next
      other.resume(next)
    }
    expect(await restored.restore('a', signal)).toBe(28)
    expect(other.stats()).toMatchObject({ blocksInUse: 0, cachedBlocks: 7 })
    other.checkIntegrity()
  })

  it('is not restored on a GPU of another kind that came for one that was lost', async () => {
    const { engine, conversations } = loaded()
    await generate(engine, conversation())
    await conversations.save('a', signal)
    const { runner, engine: other, conversations: restored, parts } = loaded()
    runner.write = async () => {
      runner.lose()
      throw new DOMException('mapping failed', 'AbortError')
    }
    const restoring = restored.restore('a', signal)
    while (!other.stats().recovering) await new Promise((resolve) => setImmediate(resolve))
    parts.identity = { ...parts.identity, device: 'another GPU' }
    other.resume(parts.blocks)
    await expect(restoring).rejects.toMatchObject({ code: 'conversation-mismatch' })
    expect(other.stats().cachedBlocks).toBe(0)
  })

  it('is neither saved nor restored while there is no GPU, and can be aborted', async () => {
    const { engine, conversations } = loaded()
    await generate(engine, conversation())
    engine.pause()
    const aborting = new AbortController()
    const calls = [conversations.save('a', aborting.signal), conversations.restore('a', aborting.signal)]
    const failures = calls.map((call) => expect(call).rejects.toMatchObject({ code: 'aborted' }))
    await new Promise((resolve) => setTimeout(resolve, 20))
    aborting.abort()
    await Promise.all(failures)
    const waiting = conversations.save('a', signal)
    engine.stop(new OctavoError('device-lost', 'The GPU is gone.', 'Load again.'))
    await expect(waiting).rejects.toMatchObject({ code: 'device-lost' })
    expect(engine.stats().recovering).toBe(false)
    await expect(engine.generate(conversation(), {} as never)).rejects.toMatchObject({ code: 'device-lost' })
  })

  it('fails with what ended the engine', async () => {
    const { runner, engine, conversations } = loaded()
    await generate(engine, conversation())
    runner.read = async () => {
      engine.stop(new OctavoError('device-lost', 'The GPU is gone.', 'Load again.'))
      throw new DOMException('mapping failed', 'AbortError')
    }
    for (const _ of [1, 2]) {
      await expect(conversations.save('a', signal)).rejects.toMatchObject({ code: 'device-lost' })
    }
    engine.checkIntegrity()
  })
})
