import type { ChatMessage, ErrorCode } from 'octavo'

/** How an answer ended. `length`: at the settings' length; `context`: at the end of what the model can read. */
export type AnswerEnd =
  | { readonly kind: 'done' | 'stopped' | 'length' | 'context' }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string; readonly remedy: string }

export interface UserTurn {
  readonly id: string
  readonly role: 'user'
  readonly text: string
}

export interface AnswerTurn {
  readonly id: string
  readonly role: 'assistant'
  /** Markdown, as the model wrote it so far. */
  text: string
  /** null while it is being written. */
  end: AnswerEnd | null
}

export type Turn = UserTurn | AnswerTurn

export interface Conversation {
  readonly id: string
  turns: Turn[]
  /** Milliseconds since 1970. */
  changedAt: number
}

export function newConversation(): Conversation {
  return { id: crypto.randomUUID(), turns: [], changedAt: Date.now() }
}

export function userTurn(text: string): UserTurn {
  return { id: crypto.randomUUID(), role: 'user', text }
}

export function answerTurn(): AnswerTurn {
  return { id: crypto.randomUUID(), role: 'assistant', text: '', end: null }
}

/** The first question, on one line. */
export function titleOf({ turns }: Conversation): string {
  const first = turns[0]?.text.trim().replaceAll(/\s+/g, ' ') ?? ''
  if (first === '') return 'New chat'
  return first.length > 60 ? `${first.slice(0, 59).trimEnd()}…` : first
}

/** What the model is to read: the system prompt if there is one, and the turns that have text. */
export function messagesOf(turns: readonly Turn[], systemPrompt: string): ChatMessage[] {
  const system: ChatMessage[] =
    systemPrompt.trim() === '' ? [] : [{ role: 'system', content: systemPrompt.trim() }]
  return [
    ...system,
    ...turns.filter(({ text }) => text !== '').map(({ role, text }) => ({ role, content: text })),
  ]
}

/** A conversation as it was kept: an answer that the page's end cut off counts as stopped. */
export function reopened(conversation: Conversation): Conversation {
  for (const turn of conversation.turns) {
    if (turn.role === 'assistant' && turn.end === null) turn.end = { kind: 'stopped' }
  }
  return conversation
}
