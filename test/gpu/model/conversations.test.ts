import { expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import type { LoadedModel } from '../../../src/model/load'
import { type KvFormat, kvFormats } from '../../../src/util/kv-format'
import { Conversations } from '../../../src/worker/conversations'
import { generate } from '../../support/generate'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'
import { randomNumbers } from '../../support/tiny-model-tensors'

const tiny = tinyModel({ heads: 6, kvHeads: 2, headDim: 32 })
const random = randomNumbers(5)
const text = (length: number) => Array.from({ length }, () => Math.floor(tiny.shape.vocab * random()))
const question = text(150)
const next = text(20)
const { signal } = new AbortController()

function conversationsOf({ cacheBlocks }: LoadedModel, engine: Engine, format: KvFormat): Conversations {
  const { blockBytes } = cacheBlocks
  const identity = {
    content: 'tiny',
    model: 'tiny',
    format,
    invariance: 'on',
    layout: 1,
    blockSize: 32,
    blockBytes,
    device: 'this one',
  }
  return new Conversations({ engine, blocks: cacheBlocks, identity, maxBytes: 2 ** 24 })
}

for (const format of kvFormats) {
  it(`a conversation in ${format} comes back after a reload to the bit, and its next turn computes only what is new`, async () => {
    const id = `a chat in ${format}`
    const before = await loadModelBytes(tiny.file, { format })
    const engine = new Engine(before.runner)
    const answer = await generate(engine, { promptIds: question, maxTokens: 45, conversation: id })
    const turn = [...question, ...answer.ids, ...next]
    const saved = await conversationsOf(before, engine, format).save(id, signal)
    engine.checkIntegrity()
    // The last token was drawn and not computed: 194 are, six blocks of them whole.
    expect(saved).toMatchObject({ tokens: 192, bytes: 6 * before.cacheBlocks.blockBytes })

    // A new engine has no prefix cache, and computes all of it.
    const expected = await generate(new Engine(before.runner), { promptIds: turn, maxTokens: 12 })
    before.destroy()

    const after = await loadModelBytes(tiny.file, { format })
    const reloaded = new Engine(after.runner)
    // Others are written over the blocks that the conversation had, so that it comes to lie elsewhere.
    const others = [40, 70].map((length) => generate(reloaded, { promptIds: text(length), maxTokens: 8 }))
    const conversations = conversationsOf(after, reloaded, format)
    expect(await conversations.restore(id, signal)).toBe(192)
    await Promise.all(others)
    let cached = 0
    const onCached = (tokens: number) => {
      cached = tokens
    }
    expect(await generate(reloaded, { promptIds: turn, maxTokens: 12, onCached })).toEqual(expected)
    expect(cached).toBe(192)
    reloaded.checkIntegrity()
    await conversations.delete(id, signal)
    after.destroy()
  })
}
