import type { WireLogprobs, WireTokenLogprob } from '../worker/protocol'
import type { ChatLogprobs, TopLogprob } from './chat-types'
import type { CompletionLogprobs } from './completion-types'
import type { PromptLogprobs } from './request-types'

const whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

export function chatLogprobs(logprobs: readonly WireLogprobs[]): ChatLogprobs {
  const content = logprobs.map((token) => ({ ...topLogprob(token), top_logprobs: token.top.map(topLogprob) }))
  return { content, refusal: null }
}

function topLogprob({ bytes, logprob }: WireTokenLogprob): TopLogprob {
  return { token: tokenText(bytes, ''), bytes: [...bytes], logprob }
}

/** @param offset where the first token starts, in the text that the choice has had so far. */
export function completionLogprobs(tokens: readonly WireLogprobs[], offset: number): CompletionLogprobs {
  const logprobs = noLogprobs()
  for (const token of tokens) {
    append(logprobs, token.bytes, token.logprob, bestByText(token), offset)
    offset = endOffset(logprobs, offset)
  }
  return logprobs
}

/** Of an echoed prompt, whose first token follows nothing. */
export function echoedLogprobs(
  firstToken: Uint8Array,
  tokens: readonly (WireLogprobs | null)[],
): CompletionLogprobs {
  const logprobs = noLogprobs()
  append(logprobs, firstToken, null, null, 0)
  const rest = tokens.filter((token) => token !== null)
  return joinLogprobs(logprobs, completionLogprobs(rest, endOffset(logprobs, 0)))
}

export function joinLogprobs(a: CompletionLogprobs, b: CompletionLogprobs): CompletionLogprobs {
  return {
    tokens: [...a.tokens, ...b.tokens],
    token_logprobs: [...a.token_logprobs, ...b.token_logprobs],
    top_logprobs: [...a.top_logprobs, ...b.top_logprobs],
    text_offset: [...a.text_offset, ...b.text_offset],
  }
}

/** Where the token after the last one starts; `start` where there is none. */
export function endOffset({ tokens, text_offset }: CompletionLogprobs, start: number): number {
  return tokens.length === 0 ? start : text_offset.at(-1)! + tokens.at(-1)!.length
}

export function promptLogprobs(tokens: readonly (WireLogprobs | null)[]): PromptLogprobs {
  return tokens.map((token) => {
    if (token === null) return null
    const entries: PromptLogprobs[number] = {}
    for (const [index, { id, bytes, logprob }] of token.top.entries()) {
      entries[id] = { logprob, rank: index + 1, decoded_token: lenient.decode(bytes) }
    }
    const { id, bytes, logprob, rank } = token
    entries[id] = { logprob, rank, decoded_token: lenient.decode(bytes) }
    return entries
  })
}

function noLogprobs(): CompletionLogprobs {
  return { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
}

function append(
  logprobs: CompletionLogprobs,
  bytes: Uint8Array,
  logprob: number | null,
  top: Record<string, number> | null,
  offset: number,
): void {
  logprobs.tokens.push(tokenText(bytes, 'bytes:'))
  logprobs.token_logprobs.push(logprob)
  logprobs.top_logprobs.push(top)
  logprobs.text_offset.push(offset)
}

/** The best tokens and the token itself; of tokens with the same text, the best one. */
function bestByText(token: WireLogprobs): Record<string, number> {
  const best = new Map<string, number>()
  for (const { bytes, logprob } of [...token.top, token]) {
    const text = tokenText(bytes, 'bytes:')
    if (!best.has(text)) best.set(text, logprob)
  }
  return Object.fromEntries(best)
}

/** The token's text; one that holds a part of a character is spelled out as OpenAI does, `\xe2\x80`. */
function tokenText(bytes: Uint8Array, prefix: string): string {
  try {
    return whole.decode(bytes)
  } catch {
    return prefix + Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
  }
}
