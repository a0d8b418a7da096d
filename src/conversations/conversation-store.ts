import { createStore, del, delMany, get, keys, set, type UseStore, values } from 'idb-keyval'
import { isDiskFull, megabytes } from '../util/disk'
import { OctavoError } from '../util/octavo-error'
import { sha256 } from '../util/sha256'
import { oneAtATime, throwIfAborted } from './one-at-a-time'
import {
  bytesOf,
  type CacheIdentity,
  type ConversationRecord,
  cut,
  difference,
  type StoredBlock,
  sharedBlocks,
} from './record'

/** What is to be saved: the ids, and the blocks that hold the first of them, as far as there are any. */
export interface SavableConversation {
  readonly id: string
  readonly identity: CacheIdentity
  readonly ids: readonly number[]
  readonly blocks: number
  /** The bytes of a block; null where it is there no more, which ends what is saved. */
  readonly read: (index: number) => Promise<Uint8Array<ArrayBuffer> | null>
}

/** A saved conversation while it is restored. */
export interface StoredConversation {
  readonly ids: readonly number[]
  readonly blocks: number
  /** Null where the block is not there as it was written. */
  readonly read: (index: number) => Promise<Uint8Array<ArrayBuffer> | null>
}

/**
 * KV blocks of conversations on this device, in two databases of idb-keyval: the blocks, and a record for each
 * conversation that names its blocks with their SHA-256. The record is written last, so that what a page leaves that
 * dies at any time is either the conversation as it was before, or whole; blocks that no record names are deleted at
 * the next occasion. A block that is not as its record says ends the conversation before it.
 */
export class ConversationStore {
  readonly #maxBytes: number
  readonly #blocks: UseStore
  readonly #records: UseStore

  private constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#blocks = createStore('octavo-conversation-blocks', 'blocks')
    this.#records = createStore('octavo-conversations', 'conversations')
  }

  /**
   * @param maxBytes blocks of all conversations together
   * @throws OctavoError 'no-storage' where there is no IndexedDB, or the browser forbids it
   */
  static async open(maxBytes: number): Promise<ConversationStore> {
    try {
      const store = new ConversationStore(maxBytes)
      await Promise.all([get('probe', store.#blocks), get('probe', store.#records)])
      return store
    } catch (cause) {
      throw new OctavoError(
        'no-storage',
        'There is no IndexedDB here, or the browser forbids it: conversations cannot be saved.',
        'Use a browser window that is not private, and allow this site to store data.',
        { cause },
      )
    }
  }

  /** The one that was used last comes first. */
  async list(): Promise<ConversationRecord[]> {
    const all = await values<ConversationRecord>(this.#records)
    return all.sort((a, b) => b.usedAt - a.usedAt)
  }

  /**
   * Saves a conversation in the place of what was saved under its id. Blocks that it has in common with that are
   * neither read nor written again. Then conversations that were not used for longest are deleted until all of them fit.
   *
   * @throws OctavoError 'conversation-too-large', 'disk-full', 'aborted'; what was saved before is kept then
   */
  save(conversation: SavableConversation, signal: AbortSignal): Promise<ConversationRecord> {
    return oneAtATime(signal, async () => {
      try {
        const record = await this.#write(conversation, signal)
        await set(record.id, record, this.#records)
        await this.#makeRoom(record)
        return record
      } catch (error) {
        throw isDiskFull(error) ? diskFull(conversation.id, error) : error
      } finally {
        // What is left over is found again the next time.
        await this.#tidy().catch(() => undefined)
      }
    })
  }

  async #write(
    { id, identity, ids, blocks: count, read }: SavableConversation,
    signal: AbortSignal,
  ): Promise<ConversationRecord> {
    const before = await get<ConversationRecord>(id, this.#records)
    const blocks: StoredBlock[] = before ? before.blocks.slice(0, sharedBlocks(before, identity, ids)) : []
    const bytes = Math.max(count, blocks.length) * identity.blockBytes
    if (bytes > this.#maxBytes) throw tooLarge(id, bytes, this.#maxBytes)
    while (blocks.length < count) {
      const block = await read(blocks.length)
      throwIfAborted(signal)
      if (!block) break
      const key = crypto.randomUUID()
      await set(key, block, this.#blocks)
      blocks.push({ key, sha256: await sha256(block) })
      throwIfAborted(signal)
    }
    const whole = Uint32Array.from(ids.slice(0, blocks.length * identity.blockSize))
    return { id, identity, ids: whole, blocks, usedAt: Date.now() }
  }

  /**
   * Lets `use` have a conversation's blocks.
   *
   * @throws OctavoError 'not-found', 'conversation-mismatch', 'aborted', and what `use` throws
   */
  restore(
    id: string,
    identity: CacheIdentity,
    use: (conversation: StoredConversation) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    return oneAtATime(signal, async () => {
      const record = await get<ConversationRecord>(id, this.#records)
      if (!record) throw notFound(id)
      const differs = difference(record.identity, identity)
      if (differs) throw mismatch(id, differs)
      let whole = record.blocks.length
      await use({
        ids: Array.from(record.ids),
        blocks: whole,
        read: async (index) => {
          const bytes = await this.#read(record.blocks[index]!, identity.blockBytes)
          if (!bytes) whole = index
          return bytes
        },
      })
      // When it was used last, and that it is shorter, is no matter of what has been restored: a disk may be full.
      const noted = set(id, { ...cut(record, whole), usedAt: Date.now() }, this.#records)
      await noted.then(() => (whole < record.blocks.length ? this.#tidy() : undefined)).catch(() => undefined)
    })
  }

  async #read(block: StoredBlock, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const bytes = await get<Uint8Array<ArrayBuffer>>(block.key, this.#blocks)
    const isWhole = bytes?.length === length && (await sha256(bytes)) === block.sha256
    return isWhole ? bytes : null
  }

  /** Deletes a conversation; nothing where there is none. */
  delete(id: string, signal: AbortSignal): Promise<void> {
    return oneAtATime(signal, async () => {
      await del(id, this.#records)
      await this.#tidy()
    })
  }

  async #makeRoom(newest: ConversationRecord): Promise<void> {
    const others = (await this.list()).filter(({ id }) => id !== newest.id)
    let bytes = bytesOf(newest)
    const gone = others.filter((record) => {
      bytes += bytesOf(record)
      return bytes > this.#maxBytes
    })
    await delMany(
      gone.map(({ id }) => id),
      this.#records,
    )
  }

  /** Deletes the blocks that no record names. */
  async #tidy(): Promise<void> {
    const named = new Set((await this.list()).flatMap(({ blocks }) => blocks.map(({ key }) => key)))
    const unnamed = (await keys<string>(this.#blocks)).filter((key) => !named.has(key))
    await delMany(unnamed, this.#blocks)
  }
}

function notFound(id: string): OctavoError {
  return new OctavoError(
    'not-found',
    `No conversation '${id}' is saved on this device.`,
    'Send the whole conversation; listConversations() tells what is saved.',
  )
}

/** Of a conversation that was computed otherwise. */
export function mismatch(id: string, { reason, remedy }: { reason: string; remedy: string }): OctavoError {
  return new OctavoError(
    'conversation-mismatch',
    `The conversation '${id}' cannot be restored: ${reason}.`,
    `${remedy}, or send the whole conversation, which is then computed anew and can be saved again.`,
  )
}

function tooLarge(id: string, bytes: number, maxBytes: number): OctavoError {
  return new OctavoError(
    'conversation-too-large',
    `The conversation '${id}' takes ${megabytes(bytes)}; all saved conversations together may take ${megabytes(maxBytes)}.`,
    'Load the model with a larger conversations.maxBytes, or with a smaller kvCache.format.',
  )
}

function diskFull(id: string, cause: unknown): OctavoError {
  return new OctavoError(
    'disk-full',
    `The browser has no room on the disk for the conversation '${id}'. What was saved before is kept.`,
    'Free some space on the disk, or delete conversations with deleteConversation().',
    { cause },
  )
}
