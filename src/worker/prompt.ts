import type { ChatTemplate } from '../text/chat-template'
import type { Tokenizer } from '../text/types'
import type { WirePrompt } from './protocol'

/** The token ids of a prompt. */
export function promptIds(
  prompt: WirePrompt,
  tokenizer: Tokenizer,
  template: ChatTemplate,
): readonly number[] {
  if (prompt.kind === 'ids') return prompt.ids
  if (prompt.kind === 'text') return tokenizer.encode(prompt.text, { special: true, addBos: prompt.addBos })
  const { messages, addGenerationPrompt, continueFinalMessage, variables } = prompt
  return template.encodeChat(messages, { addGenerationPrompt, continueFinalMessage, variables }).ids
}

/** The text of a prompt that was given as a text or as ids. */
export function promptText(prompt: WirePrompt, ids: readonly number[], tokenizer: Tokenizer): string {
  if (prompt.kind === 'text') return prompt.text
  const detokenizer = tokenizer.detokenizer({ skipSpecialTokens: true })
  return ids.map((id) => detokenizer.push(id)).join('') + detokenizer.finish()
}
