import { OctavoError } from '../util/octavo-error'

/** A message as its sender gives it; the template may read further fields, such as `tool_calls`. */
export interface TemplateMessage {
  readonly role: string
  /** A text, or a list of parts. */
  readonly content?: unknown
}

/** What a template reads of a message's content: a text, a list of parts, or either. */
export type ContentForm = 'texts' | 'parts' | 'either'

/** A message made ready for a template: a copy that may be written to. */
export type PreparedMessage = Record<string, unknown>

const REASONING = ['reasoning_content', 'thinking', 'reasoning'] as const

/** Marks the end of the last message while it is rendered, as transformers does; the space shows whether it was trimmed. */
const CONTINUE_TAG = 'CONTINUE_FINAL_MESSAGE_TAG '

/**
 * What transformers does before it renders: null values are dropped, the names of the reasoning field stand for one
 * another. Strings become well-formed, and contents what the template reads.
 */
export function prepareMessages(
  messages: readonly TemplateMessage[],
  contents: ContentForm,
): PreparedMessage[] {
  return messages.map((message) => {
    const entries = Object.entries(message).filter(([, value]) => value !== null && value !== undefined)
    const copy = mapStrings(Object.fromEntries(entries), (text) =>
      text.replace(/\p{Cs}/gu, '\ufffd'),
    ) as PreparedMessage
    const field = REASONING.find((name) => copy[name] !== undefined)
    if (field !== undefined) {
      copy.thinking ??= copy[field]
      copy.reasoning_content = copy[field]
    }
    const { content } = copy
    if (contents === 'texts' && Array.isArray(content)) copy.content = content.map(partText).join('\n')
    if (contents === 'parts' && typeof content === 'string') copy.content = [{ type: 'text', text: content }]
    return copy
  })
}

function partText(part: unknown): string {
  if (typeof part === 'string') return part
  if (typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string')
    return part.text
  const type = typeof part === 'object' && part !== null && 'type' in part ? `'${part.type}'` : 'unknown'
  throw new OctavoError(
    'unsupported-field',
    `A message's content has a part of type ${type}; this model's chat template takes text only.`,
    'Send text parts only, or choose a model that takes such parts.',
  )
}

/** Adds the tag that `cutAtTag` looks for to the last message's text. */
export function tagFinalMessage(messages: PreparedMessage[]): void {
  const last = messages.at(-1)
  if (typeof last?.content === 'string') last.content += CONTINUE_TAG
  else if (Array.isArray(last?.content)) {
    const part = last.content.findLast((item) => typeof item?.text === 'string')
    if (part) part.text += CONTINUE_TAG
  }
}

/** The rendered text up to the end of the last message. */
export function cutAtTag(text: string): string {
  const at = text.lastIndexOf(CONTINUE_TAG.trim())
  if (at < 0) {
    throw new OctavoError(
      'invalid-request',
      'continue_final_message is set, but the last message does not appear in what the chat template wrote.',
      'Give the last message a text content, or leave continue_final_message out.',
    )
  }
  return text.startsWith(CONTINUE_TAG, at) ? text.slice(0, at) : text.slice(0, at).trimEnd()
}

/** A deep copy of plain data in which every string went through `map`; `mapKey` maps the keys of objects. */
export function mapStrings(
  value: unknown,
  map: (text: string) => string,
  mapKey?: (key: string) => string,
): unknown {
  if (typeof value === 'string') return map(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map, mapKey))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [mapKey ? mapKey(key) : key, mapStrings(item, map, mapKey)]),
  )
}
