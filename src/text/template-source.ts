import type { Metadata } from '../util/metadata'
import type { Tokenizer } from './types'
import { tokenId } from './vocabulary'

/** What of a model's header says how conversations are written: GGUF metadata, or the small files of a repo. */
export type TemplateHeader =
  | { readonly kind?: 'gguf'; readonly metadata: Metadata }
  | { readonly kind: 'safetensors'; readonly texts: TemplateTexts }

interface TemplateTexts {
  /** tokenizer_config.json */
  readonly tokenizerConfig: { readonly [key: string]: unknown } | null
  /** chat_template.jinja, or the template of chat_template.json */
  readonly chatTemplate: string | null
}

/** A model's chat templates and the texts of its special tokens. */
export interface TemplateSource {
  /** Where a template would be. */
  readonly place: string
  readonly template: string | null
  /** The one for conversations with tools, where there is one of its own. */
  readonly toolTemplate: string | null
  /** `bos_token`, `eos_token`, … as transformers gives them to a template. */
  readonly tokens: Readonly<Record<string, string>>
}

/** The texts of a model's chat templates and where they stand, without its tokens. */
export function templateTexts(header: TemplateHeader): Omit<TemplateSource, 'tokens'> {
  return header.kind === 'safetensors' ? textsOfRepo(header.texts) : textsOfMetadata(header.metadata)
}

export function templateSource(header: TemplateHeader, tokenizer: Tokenizer): TemplateSource {
  const tokens =
    header.kind === 'safetensors' ? tokensOfRepo(header.texts) : tokensOfMetadata(header.metadata, tokenizer)
  return { ...templateTexts(header), tokens }
}

function textsOfMetadata(metadata: Metadata): Omit<TemplateSource, 'tokens'> {
  const place = 'tokenizer.chat_template'
  const text = (key: string) => stringOf(metadata.get(key))
  return { place, template: text(place), toolTemplate: text(`${place}.tool_use`) }
}

function tokensOfMetadata(metadata: Metadata, tokenizer: Tokenizer): Readonly<Record<string, string>> {
  const tokens: Record<string, string> = { bos_token: '', eos_token: '' }
  for (const [variable, name] of [
    ['bos', 'bos'],
    ['eos', 'eos'],
    ['unk', 'unknown'],
    ['pad', 'padding'],
  ] as const) {
    const id = tokenId(metadata, name, tokenizer.size)
    if (id !== null) tokens[`${variable}_token`] = new TextDecoder().decode(tokenizer.tokenBytes(id))
  }
  return tokens
}

function tokensOfRepo({ tokenizerConfig }: TemplateTexts): Readonly<Record<string, string>> {
  const tokens: Record<string, string> = { bos_token: '', eos_token: '' }
  for (const name of ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask']) {
    const token = tokenizerConfig?.[`${name}_token`]
    const text = stringOf(token) ?? stringOf(fieldOf(token, 'content'))
    if (text !== null) tokens[`${name}_token`] = text
  }
  return tokens
}

/** As transformers reads a repo: `chat_template.jinja` comes before what tokenizer_config.json says. */
function textsOfRepo({ tokenizerConfig, chatTemplate }: TemplateTexts): Omit<TemplateSource, 'tokens'> {
  const inConfig = tokenizerConfig?.chat_template
  const named = (wanted: string) => {
    if (!Array.isArray(inConfig)) return null
    const entry = inConfig.find((item) => fieldOf(item, 'name') === wanted)
    return stringOf(fieldOf(entry, 'template'))
  }
  return {
    place: 'chat_template.jinja, or chat_template in tokenizer_config.json',
    template: chatTemplate ?? stringOf(inConfig) ?? named('default'),
    toolTemplate: chatTemplate === null ? named('tool_use') : null,
  }
}

function stringOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : null
}
