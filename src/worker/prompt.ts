import type { ChatTemplate } from '../text/chat-template'
import type { Tokenizer } from '../text/types'
import { OctavoError } from '../util/octavo-error'
import type { WirePrompt } from './protocol'

/**
 * The token ids of a prompt.
 *
 * @param size ids that the model knows: 0 … size − 1.
 * @throws OctavoError 'invalid-request' for a prompt without tokens, or with an id that the model does not know.
 */
export function promptIds(
  prompt: WirePrompt,
  tokenizer: Tokenizer,
  template: ChatTemplate,
  size: number,
): readonly number[] {
  const ids = encode(prompt, tokenizer, template)
  if (ids.length === 0) {
    throw new OctavoError('invalid-request', 'The prompt has no tokens.', 'Give a prompt that is not empty.')
  }
  const unknown = ids.find((id) => id >= size)
  if (unknown === undefined) return ids
  throw new OctavoError(
    'invalid-request',
    `The prompt has the token id ${unknown}; the model has ${size} tokens.`,
    'Use ids of this model’s tokenizer.',
  )
}

/** The text of a prompt that was given as ids, or as the text itself. */
export function promptText(prompt: WirePrompt, ids: readonly number[], tokenizer: Tokenizer): string {
  if (prompt.kind === 'text') return prompt.text
  const detokenizer = tokenizer.detokenizer({ skipSpecialTokens: true })
  return ids.map((id) => detokenizer.push(id)).join('') + detokenizer.finish()
}

function encode(prompt: WirePrompt, tokenizer: Tokenizer, template: ChatTemplate): readonly number[] {
  if (prompt.kind === 'ids') return prompt.ids
  if (prompt.kind === 'text') return tokenizer.encode(prompt.text, { special: true, addBos: prompt.addBos })
  const { messages, addGenerationPrompt, continueFinalMessage, variables } = prompt
  return template.encodeChat(messages, { addGenerationPrompt, continueFinalMessage, variables }).ids
}
