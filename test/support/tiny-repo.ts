import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../golden/arch/llama-hd80')

/** The model's answers, as transformers gave them: see test/golden/arch/README.md. */
export const tinyGolden: { readonly sequences: readonly { input_ids: number[]; greedy: number[] }[] } =
  JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8'))

/** The bytes of a byte-level BPE as its tokens are written. */
const byteTokens = [
  ...Array.from({ length: 94 }, (_, i) => 33 + i),
  ...Array.from({ length: 12 }, (_, i) => 161 + i),
  ...Array.from({ length: 82 }, (_, i) => 174 + i),
  ...Array.from({ length: 68 }, (_, i) => 256 + i),
].map((code) => String.fromCharCode(code))

const specials = ['<|user|>', '<|model|>', '<|end|>']

/** A tokenizer of bytes and three special tokens, as many as the model has rows. */
const tokenizer = {
  added_tokens: specials.map((content, i) => ({
    id: byteTokens.length + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel' },
  model: { type: 'BPE', vocab: Object.fromEntries(byteTokens.map((token, id) => [token, id])), merges: [] },
}

const chatTemplate =
  '{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|model|>{% endif %}'

/**
 * A repo as the Hub has them: a tiny llama of random weights in two safetensors shards, its config, a tokenizer and a chat
 * template. Files by path.
 */
export function tinySafetensorsRepo(): Readonly<Record<string, Uint8Array<ArrayBuffer>>> {
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const
  const [first, second] = halves(new Uint8Array(readFileSync(join(folder, 'model.safetensors'))))
  const weight_map = Object.fromEntries(
    [first, second].flatMap(({ tensors }, i) => tensors.map((tensor) => [tensor, names[i]])),
  )
  return {
    [names[0]]: first.file,
    [names[1]]: second.file,
    'model.safetensors.index.json': json({ metadata: {}, weight_map }),
    'config.json': json({ ...config, eos_token_id: byteTokens.length + 2 }),
    'tokenizer.json': json(tokenizer),
    'tokenizer_config.json': json({ eos_token: '<|end|>' }),
    'chat_template.jinja': new TextEncoder().encode(chatTemplate),
  }
}

interface Half {
  readonly file: Uint8Array<ArrayBuffer>
  readonly tensors: readonly string[]
}

/** A safetensors file in two, each with about half of the tensors. */
function halves(whole: Uint8Array<ArrayBuffer>): readonly [Half, Half] {
  const dataBegin = 8 + Number(new DataView(whole.buffer, whole.byteOffset).getBigUint64(0, true))
  const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
    new TextDecoder().decode(whole.subarray(8, dataBegin)),
  )
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0])
  const half = entries.length >> 1
  const write = (part: typeof entries): Half => {
    const [begin] = part[0]![1].data_offsets
    const moved = part.map(([name, { data_offsets, ...rest }]) => [
      name,
      { ...rest, data_offsets: data_offsets.map((at) => at - begin) },
    ])
    const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(moved)))
    const data = whole.subarray(dataBegin + begin, dataBegin + part.at(-1)![1].data_offsets[1])
    const file = new Uint8Array(8 + text.length + data.length)
    new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
    file.set(text, 8)
    file.set(data, 8 + text.length)
    return { file, tensors: part.map(([name]) => name) }
  }
  return [write(entries.slice(0, half)), write(entries.slice(half))]
}
