import type { Metadata } from '../../../src/util/metadata'

/** The characters that stand for the 256 bytes in byte-level tokens, by byte: GPT-2's table, as its paper's code makes it. */
const CHARACTERS: readonly string[] = (() => {
  const own = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte < 256 && byte !== 173)
  let moved = 0
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(own(byte) ? byte : 256 + moved++))
})()

const NORMAL = 1
const CONTROL = 3

export interface ByteTokenizerOptions {
  readonly specials?: readonly string[]
  readonly bos?: string
  readonly eos?: string
  readonly template?: string
  readonly more?: Readonly<Record<string, string | boolean | number>>
}

/** Metadata of a model whose tokens are the 256 bytes and the special tokens given; no two tokens merge. */
export function byteTokenizerMetadata({
  specials = [],
  bos,
  eos,
  template,
  more,
}: ByteTokenizerOptions = {}): Metadata {
  const named = [bos, eos].filter((text) => text !== undefined)
  const controls = [...new Set([...named, ...specials])].filter((text) => text !== '')
  const tokens = [...CHARACTERS, ...controls]
  const id = (text: string | undefined) => (text ? { found: tokens.lastIndexOf(text) } : null)
  return new Map(
    Object.entries({
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': tokens.map((_, at) => (at < 256 ? NORMAL : CONTROL)),
      'tokenizer.ggml.merges': [],
      ...(id(bos) && { 'tokenizer.ggml.bos_token_id': id(bos)!.found }),
      ...(id(eos) && { 'tokenizer.ggml.eos_token_id': id(eos)!.found }),
      ...(template !== undefined && { 'tokenizer.chat_template': template }),
      ...more,
    }),
  )
}
