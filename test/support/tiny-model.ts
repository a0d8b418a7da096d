import type { LlamaShape } from '../reference/llama.ts'
import { type GgufValue, writeGguf } from './tiny-model-file.ts'
import {
  floatTensor,
  type RandomTensor,
  randomNumbers,
  randomTensor,
  type TensorType,
} from './tiny-model-tensors.ts'

/** The tensor type of each matrix of a tiny model; `output` null: the embedding is the output matrix too. */
export interface TinyTypes {
  readonly embedding: TensorType
  readonly q: TensorType
  readonly k: TensorType
  readonly v: TensorType
  readonly attentionOutput: TensorType
  readonly gate: TensorType
  readonly up: TensorType
  readonly down: TensorType
  readonly output: TensorType | null
}

export interface TinyModelOptions extends Partial<Omit<LlamaShape, 'ropeFactors'>> {
  readonly types?: Partial<TinyTypes>
  /** Write `rope_freqs.weight`. */
  readonly ropeFactors?: boolean
  /** Write biases of the gate and of the up projection; the numbers of `weights` are then not the whole model. */
  readonly gateBiases?: boolean
  readonly contextLength?: number
  readonly seed?: number
}

export interface TinyModel {
  readonly file: Uint8Array<ArrayBuffer>
  readonly shape: LlamaShape
  /** What the file's tensors stand for, by name. */
  readonly weights: ReadonlyMap<string, Float64Array>
  /** The same model split into so many files. */
  parts(count: number): readonly Uint8Array<ArrayBuffer>[]
}

/** All matrices of one type, the output matrix tied. */
export function allTypes(type: TensorType): TinyTypes {
  return {
    embedding: type,
    q: type,
    k: type,
    v: type,
    attentionOutput: type,
    gate: type,
    up: type,
    down: type,
    output: null,
  }
}

/**
 * A llama-like model of random weights as a GGUF file: two small layers, a byte-level tokenizer and a chat template.
 * Its answers are nonsense, and always the same.
 */
export function tinyModel(options: TinyModelOptions = {}): TinyModel {
  const {
    types: chosen,
    ropeFactors = false,
    gateBiases = false,
    contextLength = 512,
    seed = 1,
    ...sizes
  } = options
  const heads = sizes.heads ?? 4
  const headDim = sizes.headDim ?? 16
  const shape: LlamaShape = {
    layers: 2,
    hidden: 64,
    kvHeads: 2,
    intermediate: 96,
    vocab: smallestVocab,
    normEpsilon: 1e-5,
    ropeBase: 10000,
    ropeDim: headDim,
    ropeScale: 1,
    ...sizes,
    heads,
    headDim,
    ropeFactors,
  }
  const types = { ...allTypes('Q4_1'), ...chosen }
  const tensors = new Map(randomTensors(shape, types, randomNumbers(seed)))
  if (gateBiases) addGateBiases(tensors, shape, randomNumbers(seed + 1))
  const metadata = new Map([...modelMetadata(shape, contextLength), ...tokenizerMetadata(shape.vocab)])
  return {
    file: writeGguf(metadata, tensors),
    shape,
    weights: new Map([...tensors].map(([name, { values }]) => [name, values])),
    parts: (count) => splitInto(count, metadata, tensors),
  }
}

/** As llama.cpp's gguf-split does: the first part has the metadata, each its number. */
function splitInto(
  count: number,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: ReadonlyMap<string, RandomTensor>,
): readonly Uint8Array<ArrayBuffer>[] {
  const most = Math.ceil(tensors.size / count)
  return Array.from({ length: count }, (_, no) => {
    const split: [string, GgufValue][] = [
      ['split.no', { u32: no }],
      ['split.count', { u32: count }],
      ['split.tensors.count', { u32: tensors.size }],
    ]
    const own = [...tensors].slice(no * most, (no + 1) * most)
    return writeGguf(new Map([...(no === 0 ? metadata : []), ...split]), new Map(own))
  })
}

function randomTensors(
  shape: LlamaShape,
  types: TinyTypes,
  random: () => number,
): ReadonlyMap<string, RandomTensor> {
  const { hidden, heads, kvHeads, headDim, intermediate, vocab } = shape
  const tensors = new Map<string, RandomTensor>()
  const matrix = (name: string, type: TensorType, columns: number, rows: number) =>
    tensors.set(`${name}.weight`, randomTensor(type, [columns, rows], 2 / Math.sqrt(columns), random))
  const vector = (name: string, length: number, least: number, greatest: number) => {
    const values = Array.from({ length }, () => least + (greatest - least) * random())
    tensors.set(`${name}.weight`, floatTensor(values))
  }
  matrix('token_embd', types.embedding, hidden, vocab)
  for (let i = 0; i < shape.layers; i++) {
    vector(`blk.${i}.attn_norm`, hidden, 0.5, 1.5)
    matrix(`blk.${i}.attn_q`, types.q, hidden, heads * headDim)
    matrix(`blk.${i}.attn_k`, types.k, hidden, kvHeads * headDim)
    matrix(`blk.${i}.attn_v`, types.v, hidden, kvHeads * headDim)
    matrix(`blk.${i}.attn_output`, types.attentionOutput, heads * headDim, hidden)
    vector(`blk.${i}.ffn_norm`, hidden, 0.5, 1.5)
    matrix(`blk.${i}.ffn_gate`, types.gate, hidden, intermediate)
    matrix(`blk.${i}.ffn_up`, types.up, hidden, intermediate)
    matrix(`blk.${i}.ffn_down`, types.down, intermediate, hidden)
  }
  if (shape.ropeFactors) vector('rope_freqs', shape.ropeDim / 2, 1, 8)
  vector('output_norm', hidden, 0.5, 1.5)
  if (types.output) matrix('output', types.output, hidden, vocab)
  return tensors
}

function addGateBiases(
  tensors: Map<string, RandomTensor>,
  { layers, intermediate }: LlamaShape,
  random: () => number,
): void {
  for (let i = 0; i < layers; i++) {
    for (const part of ['gate', 'up']) {
      const values = Array.from({ length: intermediate }, () => random() - 0.5)
      tensors.set(`blk.${i}.ffn_${part}.bias`, floatTensor(values))
    }
  }
}

function modelMetadata(shape: LlamaShape, contextLength: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { text: 'llama' }],
    ['general.name', { text: 'Tiny' }],
    ['llama.block_count', { u32: shape.layers }],
    ['llama.context_length', { u32: contextLength }],
    ['llama.embedding_length', { u32: shape.hidden }],
    ['llama.feed_forward_length', { u32: shape.intermediate }],
    ['llama.attention.head_count', { u32: shape.heads }],
    ['llama.attention.head_count_kv', { u32: shape.kvHeads }],
    ['llama.attention.key_length', { u32: shape.headDim }],
    ['llama.attention.value_length', { u32: shape.headDim }],
    ['llama.attention.layer_norm_rms_epsilon', { f32: shape.normEpsilon }],
    ['llama.rope.freq_base', { f32: shape.ropeBase }],
    ['llama.rope.dimension_count', { u32: shape.ropeDim }],
  ])
  if (shape.ropeScale !== 1) {
    metadata.set('llama.rope.scaling.type', { text: 'linear' })
    metadata.set('llama.rope.scaling.factor', { f32: shape.ropeScale })
  }
  return metadata
}

const specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
const merges = ['h e', 'l l', 'he ll', 'Ġ t', 'i n']
/** The special tokens, every byte, and what the merges make. */
const smallestVocab = specials.length + 256 + merges.length

const chatTemplate =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

function tokenizerMetadata(vocab: number): Map<string, GgufValue> {
  if (vocab < smallestVocab) throw new Error(`a tiny model has at least ${smallestVocab} tokens`)
  const fillers = Array.from({ length: vocab - smallestVocab }, (_, i) => `filler${i}`)
  const tokens = [
    ...specials,
    ...byteCharacters(),
    ...merges.map((merge) => merge.replace(' ', '')),
    ...fillers,
  ]
  const [control, normal] = [3, 1]
  return new Map<string, GgufValue>([
    ['tokenizer.ggml.model', { text: 'gpt2' }],
    ['tokenizer.ggml.pre', { text: 'smollm' }],
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.token_type', { ints: tokens.map((_, i) => (i < specials.length ? control : normal)) }],
    ['tokenizer.ggml.merges', { texts: merges }],
    ['tokenizer.ggml.bos_token_id', { u32: 1 }],
    ['tokenizer.ggml.eos_token_id', { u32: 2 }],
    ['tokenizer.ggml.add_bos_token', { bool: false }],
    ['tokenizer.chat_template', { text: chatTemplate }],
  ])
}

/** GPT-2's characters for the 256 bytes: printable ones stand for themselves, the others follow from U+0100 on. */
function byteCharacters(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad)
    return String.fromCharCode(printable ? byte : next++)
  })
}
