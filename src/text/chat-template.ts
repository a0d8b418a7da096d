import { OctavoError } from '../util/octavo-error'
import {
  type ContentForm,
  cutAtTag,
  prepareMessages,
  type TemplateMessage,
  tagFinalMessage,
} from './chat-messages'
import { type JinjaTemplate, parseTemplate } from './jinja'
import { dataSpans, type TemplateData } from './provenance'
import { type TemplateHeader, templateSource } from './template-source'
import type { Tokenizer } from './types'

const PROBE = 'Probe7'

export interface TemplateOptions {
  /** End with the start of the model's turn. */
  readonly addGenerationPrompt: boolean
  /** Leave the last message open, for the model to continue. */
  readonly continueFinalMessage?: boolean
  /** Tools in OpenAI's shape. */
  readonly tools?: readonly unknown[] | null
  /** Further variables of the template, such as `enable_thinking`; they are the app's, special tokens in them count. */
  readonly variables?: Readonly<Record<string, unknown>> | null
}

/** A model's own way to write a conversation down. */
export interface ChatTemplate {
  /** The conversation as text. Throws OctavoError where the template refuses it or the file has none. */
  render(messages: readonly TemplateMessage[], options: TemplateOptions): string
  /** The same and its ids, BOS included; special-token text that came in with the messages stays text. */
  encodeChat(messages: readonly TemplateMessage[], options: TemplateOptions): { text: string; ids: number[] }
}

/**
 * The chat template of a GGUF file or of a repo, rendered as transformers does.
 *
 * Making it never fails: a model without a template, or with one that does not parse, says so when it is rendered.
 *
 * @example
 * const { ids } = template.encodeChat([{ role: 'user', content: 'Hello' }], { addGenerationPrompt: true })
 */
export function createChatTemplate(header: TemplateHeader, tokenizer: Tokenizer): ChatTemplate {
  const { place, template, toolTemplate, tokens } = templateSource(header, tokenizer)
  const parsed = new Map<string, { jinja: JinjaTemplate; contents: ContentForm }>()

  const templateFor = (tools: unknown) => {
    const source = (tools ? toolTemplate : null) ?? template
    if (source === null) {
      throw new OctavoError(
        'invalid-request',
        `This model has no chat template (${place}).`,
        'Choose a model that is made for chat, or use completions with a prompt of your own.',
      )
    }
    let entry = parsed.get(source)
    if (!entry) {
      const jinja = parseTemplate(source, place)
      entry = { jinja, contents: contentsOf(jinja, tokens) }
      parsed.set(source, entry)
    }
    return entry
  }

  const prepare = (messages: readonly TemplateMessage[], options: TemplateOptions) => {
    checkOptions(options)
    const { jinja, contents } = templateFor(options.tools)
    const rerender = (data: TemplateData, alterSearched?: (literal: string) => string): string => {
      const shown = data.messages.map((message) => structuredClone(message))
      if (options.continueFinalMessage) tagFinalMessage(shown)
      const text = jinja.render(
        {
          ...tokens,
          documents: null,
          ...options.variables,
          messages: shown,
          tools: data.tools,
          add_generation_prompt: options.addGenerationPrompt,
        },
        alterSearched,
      )
      return options.continueFinalMessage ? cutAtTag(text) : text
    }
    const given: TemplateData = {
      messages: prepareMessages(messages, contents),
      tools: options.tools ? structuredClone(options.tools) : null,
    }
    return { rerender, searched: jinja.searchedTexts, text: rerender(given), data: given }
  }

  return {
    render: (messages, options) => prepare(messages, options).text,
    encodeChat(messages, options) {
      const { text, data, searched, rerender } = prepare(messages, options)
      const plain = dataSpans(text, data, tokenizer.specialTokens, searched(), rerender)
      if (plain === null) throw unclearOrigin()
      const ids = tokenizer.encode(text, { special: true, addBos: false, plain })
      if (tokenizer.addsBos && ids[0] !== tokenizer.bosId) ids.unshift(tokenizer.bosId!)
      return { text, ids }
    },
  }
}

/** Templates of models that see may read parts only, and write nothing of a text: they walk over its characters. */
function contentsOf(jinja: JinjaTemplate, tokens: Readonly<Record<string, string>>): ContentForm {
  if (!writes(jinja, tokens, [{ type: 'text', text: PROBE }])) return 'texts'
  return writes(jinja, tokens, PROBE) ? 'either' : 'parts'
}

/** Whether a content's text is in what the template writes, and not as Python writes a list. */
function writes(jinja: JinjaTemplate, tokens: Readonly<Record<string, string>>, content: unknown): boolean {
  const messages = [{ role: 'user', content }]
  try {
    const text = jinja.render({
      ...tokens,
      messages,
      tools: null,
      documents: null,
      add_generation_prompt: false,
    })
    return text.includes(PROBE) && !text.includes('"text"') && !text.includes("'text'")
  } catch (error) {
    if (error instanceof OctavoError && error.code === 'malformed-file') throw error
    return false
  }
}

function checkOptions({ addGenerationPrompt, continueFinalMessage }: TemplateOptions): void {
  if (!addGenerationPrompt || !continueFinalMessage) return
  throw new OctavoError(
    'invalid-request',
    'continue_final_message and add_generation_prompt exclude each other.',
    'Set one of them: continue the last message, or begin a new one.',
  )
}

function unclearOrigin(): OctavoError {
  return new OctavoError(
    'invalid-request',
    'A message holds special-token text in a way that cannot be told from what the chat template writes itself.',
    "Take the special-token text (such as <|im_end|>) out of the messages' contents.",
  )
}
