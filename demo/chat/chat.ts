import type { Engine } from 'octavo'
import { Observable } from '../observable'
import type { Settings } from '../settings/settings'
import { type AnswerFigures, answer } from './answering'
import {
  type AnswerEnd,
  type AnswerTurn,
  answerTurn,
  type Conversation,
  messagesOf,
  newConversation,
  userTurn,
} from './conversation'
import type { ConversationStore } from './conversation-store'
import { cacheKey } from './ready-chats'

/** An answer that is being written. */
export interface Running {
  readonly turn: AnswerTurn
  readonly controller: AbortController
  /** Share of the prompt that has been read, once it takes noticeably long; null before and after. */
  prefillShare: number | null
}

export interface ChatHooks {
  readonly engine: () => Engine | null
  readonly settings: () => Settings
  /** Resolves when the model can go on with the conversation as fast as it ever will. */
  readonly ready: (conversation: Conversation) => Promise<void>
  /** The list, or which conversation is open, has changed. */
  readonly onList: () => void
  /** The open conversation has other turns than before. */
  readonly onTurns: () => void
  /** A turn of the open conversation has changed; called often while one is written. */
  readonly onTurn: (turn: AnswerTurn) => void
  /** An answer of any conversation has ended. */
  readonly onEnd: (conversation: Conversation, turn: AnswerTurn, end: AnswerEnd) => void
}

/** How long the prompt may take before its progress is shown. */
const quietPrefillMs = 500
const saveEveryMs = 1000

/** The conversations and the answers that are being written; one at a time for each conversation. */
export class Chat {
  list: Conversation[] = []
  open: Conversation = newConversation()
  /** Of the latest answer. */
  readonly figures = new Observable<AnswerFigures | null>(null)
  readonly #running = new Map<string, Running>()
  readonly #store: ConversationStore
  readonly #hooks: ChatHooks

  constructor(store: ConversationStore, hooks: ChatHooks) {
    this.#store = store
    this.#hooks = hooks
  }

  /** Opens what was kept, with the latest conversation before the reader. */
  async start(): Promise<void> {
    this.list = await this.#store.all()
    if (this.list[0] && this.open.turns.length === 0) this.open = this.list[0]
    this.#hooks.onList()
    this.#hooks.onTurns()
  }

  /** The answer that is being written in the open conversation. */
  get running(): Running | null {
    return this.#running.get(this.open.id) ?? null
  }

  get isAnswering(): boolean {
    return this.#running.size > 0
  }

  show(conversation: Conversation): void {
    this.open = conversation
    this.#hooks.onList()
    this.#hooks.onTurns()
  }

  newChat(): void {
    this.show(this.open.turns.length === 0 ? this.open : newConversation())
  }

  async remove(conversation: Conversation): Promise<void> {
    this.#running.get(conversation.id)?.controller.abort()
    this.list = this.list.filter((each) => each !== conversation)
    if (this.open === conversation) this.show(newConversation())
    else this.#hooks.onList()
    await this.#store.remove(conversation)
  }

  /** @param replaces the turn that the text is sent in place of, with all that followed it. */
  async send(text: string, replaces: string | null): Promise<void> {
    const { open } = this
    const at = open.turns.findIndex(({ id }) => id === replaces)
    const before = at < 0 ? open.turns : open.turns.slice(0, at)
    open.turns = [...before, userTurn(text)]
    await this.#answer(open, null)
  }

  /** Answers the last question anew. */
  async regenerate(): Promise<void> {
    const { open } = this
    if (open.turns.at(-1)?.role === 'assistant') open.turns = open.turns.slice(0, -1)
    await this.#answer(open, null)
  }

  /** Lets the last answer go on where it ended. */
  async continue(): Promise<void> {
    const last = this.open.turns.at(-1)
    if (last?.role !== 'assistant' || last.text === '') await this.regenerate()
    else await this.#answer(this.open, last)
  }

  stop(): void {
    this.running?.controller.abort()
  }

  async #answer(conversation: Conversation, continued: AnswerTurn | null): Promise<void> {
    const engine = this.#hooks.engine()
    if (!engine || this.#running.has(conversation.id)) return
    const turn = continued ?? answerTurn()
    const settings = this.#hooks.settings()
    const messages = messagesOf(conversation.turns, settings.systemPrompt)
    turn.end = null
    if (!continued) conversation.turns = [...conversation.turns, turn]
    const running: Running = { turn, controller: new AbortController(), prefillShare: null }
    this.#running.set(conversation.id, running)
    this.#changed(conversation)
    const saving = setInterval(() => void this.#store.save(conversation), saveEveryMs)
    const end = await this.#run(engine, conversation, running, messages, settings, continued !== null)
    clearInterval(saving)
    this.#running.delete(conversation.id)
    turn.end = end
    this.#changed(conversation)
    this.#hooks.onEnd(conversation, turn, end)
  }

  #run(
    engine: Engine,
    conversation: Conversation,
    running: Running,
    messages: ReturnType<typeof messagesOf>,
    settings: Settings,
    continues: boolean,
  ): Promise<AnswerEnd> {
    const { turn, controller } = running
    const startedMs = performance.now()
    const tell = () => {
      if (conversation === this.open) this.#hooks.onTurn(turn)
    }
    return answer({
      engine,
      messages,
      cacheKey: cacheKey(conversation),
      ready: this.#hooks.ready(conversation),
      continues,
      settings,
      signal: controller.signal,
      onText: (text) => {
        turn.text += text
        running.prefillShare = null
        tell()
      },
      onFigures: (figures) => this.figures.set(figures),
      onPrefill: (share) => {
        if (share >= 1 || performance.now() - startedMs < quietPrefillMs) return
        running.prefillShare = share
        tell()
      },
    })
  }

  #changed(conversation: Conversation): void {
    if (
      this.list.includes(conversation) ||
      conversation === this.open ||
      this.#running.has(conversation.id)
    ) {
      conversation.changedAt = Date.now()
      this.list = [conversation, ...this.list.filter((each) => each !== conversation)]
      void this.#store.save(conversation)
    }
    this.#hooks.onList()
    if (conversation === this.open) this.#hooks.onTurns()
  }
}
