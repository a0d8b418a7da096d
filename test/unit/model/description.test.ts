import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { attentionIn } from '../../../src/model/attention-in'
import { readDescription } from '../../../src/model/read-description'
import type { JsonObject, ModelHeader } from '../../../src/util/model-file'

const folder = join(import.meta.dirname, '../../golden/arch')
const read = (path: string): JsonObject => JSON.parse(readFileSync(join(folder, path), 'utf8'))
const llama = read('llama-llama3rope/config.json')

function repo(config: JsonObject): ModelHeader {
  const texts = {
    config,
    tokenizer: null,
    tokenizerConfig: null,
    generationConfig: null,
    chatTemplate: null,
    sentenceTransformers: { modules: null, settings: null, config: null },
  }
  const gate = 'model.layers.0.mlp.gate_proj.weight'
  const names = ['model.embed_tokens.weight', ...[0, 1].map((i) => gate.replace('0', `${i}`))]
  const tensors = names.map((name) => ({ name, type: 'F32', dims: [4, 4], offset: 0, bytes: 64 }))
  return { kind: 'safetensors', tensors, fileBytes: 0, texts }
}

describe('a GGUF file’s metadata', () => {
  function header(
    heads: number,
    kvHeads: number,
    headDim: number,
    more: Record<string, string | number> = {},
  ) {
    const metadata = new Map<string, string | number>([
      ['general.architecture', 'llama'],
      ['llama.block_count', 2],
      ['llama.context_length', 512],
      ['llama.embedding_length', heads * headDim],
      ['llama.feed_forward_length', 256],
      ['llama.attention.head_count', heads],
      ['llama.attention.head_count_kv', kvHeads],
      ['llama.attention.layer_norm_rms_epsilon', 1e-5],
      ...Object.entries(more),
    ])
    return { kind: 'gguf', metadata, tensors: [], fileBytes: 0 } as const
  }
  const attention = (...shape: Parameters<typeof header>) =>
    attentionIn(readDescription(header(...shape)).layers)[1]!

  it('may have as many query heads for a head of keys as a workgroup has room for; more are refused by their number', () => {
    expect(attention(64, 1, 32)).toMatchObject({ heads: 64, kvHeads: 1, headDim: 32 })
    expect(() => attention(71, 1, 64)).toThrow(/71 query heads share a head.*up to 64/)
    expect(() => attention(9, 2, 64)).toThrow(
      /llama.attention.head_count 9 is not a multiple of llama.attention.head_count_kv 2/,
    )
  })

  it('is refused with heads of a size that no kernel takes', () => {
    expect(() => attention(4, 4, 66)).toThrow(/A head has 66 elements; multiples of 4/)
    expect(() => attention(4, 4, 260)).toThrow(/A head has 260 elements/)
  })

  it('turns neighbours, at the angles that it says', () => {
    const { rope } = attention(4, 4, 64, {
      'llama.rope.freq_base': 500,
      'llama.rope.dimension_count': 32,
      'llama.rope.scaling.type': 'linear',
      'llama.rope.scaling.factor': 4,
    })
    expect(rope).toMatchObject({ dim: 32, pairs: 'neighbours', magnitude: 1, divisors: 'rope_freqs' })
    expect(rope!.frequencies).toHaveLength(16)
    rope!.frequencies.forEach((frequency, pair) => {
      expect(frequency).toBeCloseTo(500 ** (-pair / 16) / 4, 12)
    })
  })
})

it('Llama 3’s scaling leaves short waves alone and slows long ones by the whole factor', () => {
  const { frequencies } = attentionIn(readDescription(repo(llama)).layers)[0]!.rope!
  expect(frequencies).toHaveLength(32)
  expect(frequencies[31]! * 8).toBeCloseTo(10000 ** (-31 / 32), 12)
  // Even the shortest wave, of 2π tokens, is longer than a quarter of the 16 tokens: it is blended.
  const smooth = (16 / (2 * Math.PI) - 1) / 3
  expect(frequencies[0]).toBeCloseTo((1 - smooth) / 8 + smooth, 12)
})

describe('a config.json that cannot be run is refused by what is wrong with it', () => {
  const cases: readonly (readonly [change: JsonObject, words: RegExp])[] = [
    [{ model_type: 'mamba' }, /model_type 'mamba' is not supported/],
    [{ model_type: 7 }, /model_type in config.json is 7/],
    [{ hidden_act: 'swizzle' }, /hidden_act "swizzle"/],
    [{ num_attention_heads: 3, num_key_value_heads: 2 }, /num_attention_heads 3 is not a multiple/],
    [{ hidden_size: 'many' }, /hidden_size in config.json is "many"/],
    [{ num_hidden_layers: 1.5 }, /num_hidden_layers in config.json is 1.5, not a whole number/],
    [{ num_hidden_layers: 1e9 }, /num_hidden_layers is 1000000000: no model has/],
    [{ layer_types: ['full_attention'] }, /layer_types in config.json has 1 entries for 2 layers/],
    [{ rms_norm_eps: undefined }, /rms_norm_eps in config.json is missing/],
    [{ rope_parameters: [1] }, /rope_parameters in config.json is not an object/],
    [{ rope_parameters: { rope_type: 'swirl', rope_theta: 1e4 } }, /RoPE scaling "swirl"/],
    [{ rope_parameters: { rope_type: 'linear', rope_theta: 1e4, factor: -2 } }, /factor in .* is -2/],
    [
      { rope_parameters: { rope_type: 'linear', rope_theta: 1e-300, factor: 1e-300 } },
      /angles that are no numbers/,
    ],
    [
      { rope_parameters: { rope_type: 'yarn', rope_theta: 1e4 } },
      /factor in the rope_parameters of .* is missing/,
    ],
    [{ partial_rotary_factor: 0.3 }, /19 of a head’s 64 elements are rotated/],
    [{ logit_scale: 0.5 }, /logit_scale in config.json is 0.5, which Octavo's 'llama' does not follow/],
    [{ num_local_experts: 8 }, /num_local_experts in config.json is 8/],
    [{ head_dim: 260 }, /A head has 260 elements/],
  ]
  it.each(cases)('%j', (change, words) => {
    expect(() => readDescription(repo({ ...llama, ...change }))).toThrow(words)
  })
})

describe('a decoder that makes vectors', () => {
  const gemma: JsonObject = JSON.parse(readFileSync(join(folder, 'embeddinggemma/config.json'), 'utf8'))

  it('sees both ways where its config says so, through half the window on either side', () => {
    const described = (change: JsonObject) =>
      attentionIn(readDescription(repo({ ...gemma, ...change })).layers).map(({ causal, window }) => ({
        causal,
        window,
      }))
    const both = { causal: false, window: null }
    expect(described({})).toEqual([{ causal: false, window: 8 }, both])
    expect(described({ sliding_window: 17 })).toEqual([{ causal: false, window: 8 }, both])
    expect(described({ sliding_window: null })).toEqual([both, both])
    expect(described({ use_bidirectional_attention: false })[0]).toEqual({ causal: true, window: 16 })
  })

  it('sees both ways where is_causal is false, and is refused where windows make that unclear', () => {
    const bare = { ...llama, architectures: ['LlamaModel'] }
    const causal = (config: JsonObject) =>
      attentionIn(readDescription(repo(config)).layers).map((each) => each.causal)
    expect(causal(bare)).toEqual([true, true])
    expect(causal({ ...bare, is_causal: false })).toEqual([false, false])
    const qwen = {
      ...bare,
      model_type: 'qwen2',
      use_sliding_window: true,
      sliding_window: 8,
      is_causal: false,
    }
    expect(() => readDescription(repo(qwen))).toThrow(/is_causal false, and layers with a window/)
  })

  it('cannot write where it sees both ways', () => {
    const writes = { ...gemma, architectures: ['Gemma3ForCausalLM'] }
    expect(() => readDescription(repo(writes))).toThrow(/is of a model that cannot write/)
    expect(() => readDescription(repo({ ...llama, is_causal: false }))).toThrow(/cannot write/)
  })
})

describe('an encoder’s GGUF metadata', () => {
  const header = (
    architecture: string,
    more: Record<string, string | number | boolean> = {},
  ): ModelHeader => ({
    kind: 'gguf',
    metadata: new Map<string, string | number | boolean>([
      ['general.architecture', architecture],
      ['bert.block_count', 1],
      ['bert.context_length', 64],
      ['bert.embedding_length', 64],
      ['bert.feed_forward_length', 96],
      ['bert.attention.head_count', 4],
      ['bert.attention.layer_norm_epsilon', 1e-12],
      ...Object.entries(more),
    ]),
    tensors: [],
    fileBytes: 0,
  })

  it.each(['nomic-bert', 'jina-bert-v2', 'modern-bert', 'neo-bert', 'gemma-embedding', 't5encoder'])(
    'of %s is refused by name',
    (architecture) => {
      expect(() => readDescription(header(architecture))).toThrow(
        `The architecture '${architecture}' is not supported.`,
      )
    },
  )

  it('says how many token types there are, and is refused where it says that no token sees what comes later', () => {
    const { embedding } = readDescription(header('bert', { 'tokenizer.ggml.token_type_count': 2 }))
    expect(embedding.types).toEqual({ stem: 'token_types', rows: 2 })
    expect(readDescription(header('bert')).embedding.types).toBeNull()
    const wrong = { 'tokenizer.ggml.token_type_count': 'two' }
    expect(() => readDescription(header('bert', wrong))).toThrow(
      /tokenizer.ggml.token_type_count .* is "two"/,
    )
    expect(() => readDescription(header('bert', { 'bert.attention.causal': true }))).toThrow(
      /bert.attention.causal true: it is no encoder/,
    )
  })
})
