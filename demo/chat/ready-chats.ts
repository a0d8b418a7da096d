import type { Engine } from 'octavo'
import { Observable } from '../observable'
import type { Conversation } from './conversation'

/** What lies on this device of a chat, in tokens of whole blocks. */
export interface Readiness {
  /** Brought back since the model was loaded; 0 where there was nothing, or the model is another. */
  readonly restoredTokens: number
  /** Saved after the last answer; null before there was one. */
  readonly kept: { readonly tokens: number; readonly bytes: number } | null
}

type SavingEngine = Pick<
  Engine,
  'saveConversation' | 'restoreConversation' | 'listConversations' | 'deleteConversation'
>

const prefix = 'octavo-demo:'
const nothing: Readiness = { restoredTokens: 0, kept: null }

/** The name by which the engine knows a chat. */
export function cacheKey({ id }: Pick<Conversation, 'id'>): string {
  return prefix + id
}

/**
 * Keeps what the model has read of each chat on this device, so that it goes on at once after a reload. Whatever fails
 * here (another model, no room, a private window) means only that the model reads the chat again.
 */
export class ReadyChats {
  /** By chat. */
  readonly changed = new Observable<ReadonlyMap<string, Readiness>>(new Map())
  #engine: SavingEngine | null = null
  #wanted = true
  /** Names of what was saved when the model was loaded. */
  #saved: Promise<ReadonlySet<string>> = Promise.resolve(new Set())
  readonly #restored = new Map<string, Promise<void>>()
  readonly #removed = new Set<string>()

  /**
   * A model was loaded, or is gone.
   *
   * @param chats those that there are; what is kept of others is deleted.
   */
  async setEngine(engine: SavingEngine | null, chats: () => Promise<readonly Conversation[]>): Promise<void> {
    this.#engine = engine
    this.#restored.clear()
    this.changed.set(new Map())
    this.#saved = engine ? savedNames(engine) : Promise.resolve(new Set())
    const saved = await this.#saved
    if (!engine || saved.size === 0) return
    const known = new Set((await chats()).map(cacheKey))
    for (const name of saved) if (!this.#wanted || !known.has(name)) await forget(engine, name)
  }

  /** @param wanted where false, nothing is kept, and what was is deleted. */
  async setWanted(wanted: boolean): Promise<void> {
    if (wanted === this.#wanted) return
    this.#wanted = wanted
    const engine = this.#engine
    if (wanted || !engine) return
    for (const name of await savedNames(engine)) await forget(engine, name)
  }

  /** Brings back what is kept of a chat, once; resolves when it is there, or is known not to be. */
  restore(chat: Conversation): Promise<void> {
    const engine = this.#engine
    if (!engine || !this.#wanted) return Promise.resolve()
    let restored = this.#restored.get(chat.id)
    if (!restored) {
      restored = this.#restore(engine, chat).catch(() => undefined)
      this.#restored.set(chat.id, restored)
    }
    return restored
  }

  async #restore(engine: SavingEngine, chat: Conversation): Promise<void> {
    if (!(await this.#saved).has(cacheKey(chat))) return
    this.#note(engine, chat, { restoredTokens: await engine.restoreConversation(cacheKey(chat)) })
  }

  /** Keeps what the model has read of a chat whose answer has ended. */
  async save(chat: Conversation): Promise<void> {
    const engine = this.#engine
    if (!engine || !this.#keeps(chat)) return
    const kept = await engine.saveConversation(cacheKey(chat)).catch(() => null)
    if (kept) this.#note(engine, chat, { kept })
    // It may have been deleted while it was being saved.
    if (!this.#keeps(chat)) await forget(engine, cacheKey(chat))
  }

  #keeps({ id }: Conversation): boolean {
    return this.#wanted && !this.#removed.has(id)
  }

  /** Where no model is loaded, the next load finds that the chat is gone. */
  async remove(chat: Conversation): Promise<void> {
    this.#removed.add(chat.id)
    if (this.#engine) await forget(this.#engine, cacheKey(chat))
  }

  #note(engine: SavingEngine, { id }: Conversation, change: Partial<Readiness>): void {
    if (engine !== this.#engine) return
    const all = this.changed.value
    this.changed.set(new Map([...all, [id, { ...(all.get(id) ?? nothing), ...change }]]))
  }
}

/** Of this page; an origin may have others. */
async function savedNames(engine: SavingEngine): Promise<ReadonlySet<string>> {
  const all = await engine.listConversations().catch(() => [])
  return new Set(all.map(({ id }) => id).filter((id) => id.startsWith(prefix)))
}

async function forget(engine: SavingEngine, name: string): Promise<void> {
  await engine.deleteConversation(name).catch(() => undefined)
}
