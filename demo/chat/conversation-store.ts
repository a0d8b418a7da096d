import { createStore, del, set, values } from 'idb-keyval'
import { type Conversation, reopened } from './conversation'

/** Conversations, kept in this browser's IndexedDB. Where there is none, they last as long as the page. */
export class ConversationStore {
  readonly #store = createStore('octavo-demo-conversations', 'conversations')

  /** Latest first. */
  async all(): Promise<Conversation[]> {
    try {
      const kept = await values<Conversation>(this.#store)
      return kept.map(reopened).sort((a, b) => b.changedAt - a.changedAt)
    } catch {
      return []
    }
  }

  async save(conversation: Conversation): Promise<void> {
    await set(conversation.id, conversation, this.#store).catch(() => {
      // Nothing can be kept here; the conversation goes on.
    })
  }

  async remove({ id }: Conversation): Promise<void> {
    await del(id, this.#store).catch(() => {
      // Then it was not kept either.
    })
  }
}
