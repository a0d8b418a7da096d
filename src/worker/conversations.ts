import { ConversationStore, mismatch } from '../conversations/conversation-store'
import { bytesOf, type CacheIdentity, type ConversationRecord, difference } from '../conversations/record'
import type { Engine } from '../engine/engine'
import type { HeldPrefix } from '../engine/held-prefix'
import type { CacheBlocks } from '../model/cache-blocks'
import { abortedError, OctavoError } from '../util/octavo-error'
import type { SavedConversation } from './protocol'

export interface ConversationParts {
  readonly engine: Pick<Engine, 'conversations' | 'copying' | 'prefixCache' | 'present'>
  /** Those of the GPU that the model is on, which may change while the engine lets no one copy. */
  readonly blocks: Pick<CacheBlocks, 'read' | 'write'>
  readonly identity: CacheIdentity
  /** Of all saved conversations together; 0 switches saving off. */
  readonly maxBytes: number
}

/** Carries a conversation's KV blocks from the engine to the store and back. */
export class Conversations {
  readonly #parts: ConversationParts
  #opened: Promise<ConversationStore> | null = null

  constructor(parts: ConversationParts) {
    this.#parts = parts
  }

  /** Saves the blocks that the cache has of the conversation's last generation. */
  async save(id: string, signal: AbortSignal): Promise<SavedConversation> {
    const { engine } = this.#parts
    const store = await this.#storeInUse()
    const ids = engine.conversations.get(id)
    if (!ids) throw unknown(id)
    const copy = async (prefix: HeldPrefix) => {
      const { blocks, identity } = this.#parts
      const read = async (index: number) => {
        const block = prefix.block(index)
        return block === null ? null : blocks.read(block)
      }
      return saved(await store.save({ id, identity, ids, blocks: prefix.length, read }, signal))
    }
    return engine.copying(ids, copy, signal)
  }

  /** Gives the cache the conversation's blocks, as far as it has room; says how many tokens it has then. */
  async restore(id: string, signal: AbortSignal): Promise<number> {
    const { engine } = this.#parts
    const store = await this.#storeInUse()
    // Not with the store, which other pages use too, as long as there is no GPU.
    await engine.present(signal)
    const { identity } = this.#parts
    let tokens = 0
    await store.restore(
      id,
      identity,
      ({ ids, blocks: count, read }) => {
        const copy = async (prefix: HeldPrefix) => {
          const { blocks, identity: present } = this.#parts
          const differs = difference(identity, present)
          if (differs) throw mismatch(id, differs)
          engine.conversations.set(id, ids)
          for (tokens = prefix.length * identity.blockSize; prefix.length < count; ) {
            const bytes = await read(prefix.length)
            if (signal.aborted) throw abortedError('Restoring the conversation', signal)
            let written: Promise<void> | null = null
            const fill = (block: number) => {
              written = blocks.write(block, bytes!)
            }
            if (!bytes || !prefix.add(fill)) break
            await written
            tokens += identity.blockSize
          }
        }
        return engine.copying(ids, copy, signal)
      },
      signal,
    )
    return tokens
  }

  async list(): Promise<SavedConversation[]> {
    const records = await (await this.#store()).list()
    return records.map(saved)
  }

  async delete(id: string, signal: AbortSignal): Promise<void> {
    await (await this.#store()).delete(id, signal)
  }

  #storeInUse(): Promise<ConversationStore> {
    const { maxBytes, engine } = this.#parts
    if (maxBytes === 0) throw switchedOff()
    if (engine.prefixCache !== 'on') throw impossible(engine.prefixCache)
    return this.#store()
  }

  async #store(): Promise<ConversationStore> {
    this.#opened ??= ConversationStore.open(this.#parts.maxBytes)
    try {
      return await this.#opened
    } catch (error) {
      this.#opened = null
      throw error
    }
  }
}

function saved(record: ConversationRecord): SavedConversation {
  const { id, identity, ids, usedAt } = record
  return { id, model: identity.model, tokens: ids.length, bytes: bytesOf(record), usedAt }
}

function unknown(id: string): OctavoError {
  return new OctavoError(
    'not-found',
    `This engine has answered no request of the conversation '${id}', or too many others since.`,
    `Give the conversation’s requests prompt_cache_key: '${id}', and save it after its answer.`,
  )
}

function impossible(prefixCache: string): OctavoError {
  return new OctavoError(
    'invalid-request',
    `Conversations with this model are neither saved nor restored. Its prefix cache is ${prefixCache}.`,
    'Send the whole conversation with the next request, which computes it again, or load a model without such layers.',
  )
}

function switchedOff(): OctavoError {
  return new OctavoError(
    'invalid-option',
    'Saving conversations is off: conversations.maxBytes is 0.',
    'Load the model with a larger conversations.maxBytes.',
  )
}
