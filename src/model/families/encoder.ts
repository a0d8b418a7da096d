import { type ConfigReader, malformedConfig, unsupported } from '../config-reader'
import type {
  ActivationDescription,
  LayerDescription,
  NormDescription,
  PooledDescription,
  Projection,
  SubLayer,
} from '../description'
import { readRope } from '../read-rope'
import { readActivation } from './activations'
import type { HasTensor, ModelBody } from './family'
import { labelsOf } from './labels'

/** What a file calls the tensors of an encoder like BERT, without `.weight` and `.bias`. */
interface EncoderNames {
  readonly words: string
  readonly positions: string
  readonly types: string
  readonly embeddingNorm: string
  /** Of layer i: this, i and a dot. */
  readonly layers: string
  /** One tensor, or three. */
  readonly qkv: readonly string[]
  readonly attentionOutput: string
  readonly attentionNorm: string
  readonly gate: string
  readonly up: string
  readonly down: string
  readonly outputNorm: string
}

const bertNames: EncoderNames = {
  words: 'embeddings.word_embeddings',
  positions: 'embeddings.position_embeddings',
  types: 'embeddings.token_type_embeddings',
  embeddingNorm: 'embeddings.LayerNorm',
  layers: 'encoder.layer.',
  qkv: ['attention.self.query', 'attention.self.key', 'attention.self.value'],
  attentionOutput: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  gate: 'intermediate.gate',
  up: 'intermediate.dense',
  down: 'output.dense',
  outputNorm: 'output.LayerNorm',
}

const ggufNames: EncoderNames = {
  words: 'token_embd',
  positions: 'position_embd',
  types: 'token_types',
  embeddingNorm: 'token_embd_norm',
  layers: 'blk.',
  qkv: ['attn_q', 'attn_k', 'attn_v'],
  attentionOutput: 'attn_output',
  attentionNorm: 'attn_output_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
  outputNorm: 'layer_output_norm',
}

/** What sets a family of encoders apart from BERT. All may be left out. */
export interface EncoderTraits {
  /** Names in its safetensors repos, where they are not BERT's. */
  readonly names?: Partial<EncoderNames>
  /** What names begin with where the model has a head. */
  readonly prefix?: string
  /** Row of the position table that the first token has. */
  readonly positionOffset?: number
  /** How positions are told: rows that are added, or RoPE. */
  readonly rotates?: boolean
  readonly positionBias?: string
  readonly gated?: boolean
  readonly qkvBias?: boolean
  readonly outputBias?: boolean
  readonly feedForwardBias?: boolean
  readonly activation?: ActivationDescription
  /** The layers of a head that scores: each with the activation behind it, the last one none. */
  readonly scoring?: readonly (readonly [stem: string, activation: 'tanh' | 'relu' | 'none'])[]
}

/** Describes an encoder in the manner of BERT (Devlin et al. 2018, arXiv:1810.04805): norms behind each half of a layer. */
export function encoder(config: ConfigReader, has: HasTensor, traits: EncoderTraits = {}): ModelBody {
  if (config.has('position_embedding_type') && config.text('position_embedding_type') !== 'absolute') {
    throw unsupported(
      `${config.where} has position_embedding_type '${config.text('position_embedding_type')}'.`,
    )
  }
  if (config.flag('is_decoder', false)) throw unsupported(`${config.where} has is_decoder: it is no encoder.`)
  if (config.container === 'gguf' && config.flag('is_causal', false)) {
    throw unsupported(`${config.where} has ${config.nameOf('is_causal')} true: it is no encoder.`)
  }
  const gguf = config.container === 'gguf'
  const names = gguf ? ggufNames : { ...bertNames, ...traits.names }
  const bare = gguf || has(names.words)
  const whole = (stem: string) => (bare ? stem : (traits.prefix ?? '') + stem)
  const hidden = config.count(config.pick('hidden_size', 'dim', 'n_embd'))
  const heads = config.count(config.pick('num_attention_heads', 'n_heads', 'n_head'))
  if (hidden % heads !== 0) {
    throw malformedConfig(`${config.where} has ${heads} heads for a hidden size of ${hidden}.`)
  }
  const headDim = hidden / heads
  if (headDim % 4 !== 0 || headDim > 256) {
    throw malformedConfig(`A head has ${headDim} elements; multiples of 4 up to 256 are supported.`)
  }
  const intermediate = config.count(config.pick('intermediate_size', 'hidden_dim', 'n_inner'))
  const layers = config.count(config.pick('num_hidden_layers', 'n_layers', 'n_layer'))
  if (layers > 1000) throw malformedConfig(`${config.where} has ${layers} layers: no encoder has as many.`)
  const epsilon = config.positive(config.pick('layer_norm_eps', 'layer_norm_epsilon'), 1e-12)
  const positions = config.count(config.pick('max_position_embeddings', 'n_positions'))
  const offset = traits.positionOffset ?? 0
  if (offset >= positions) throw malformedConfig(`${config.where} has ${positions} positions, none to use.`)
  const norm = (stem: string): NormDescription => ({
    kind: 'layer',
    stem,
    epsilon,
    bias: true,
    plusOne: false,
  })
  const rope = traits.rotates ? readRope(config, { headDim }) : null
  const activation = traits.activation ?? readActivation(config, 'gelu')
  const types = config.has('type_vocab_size') ? config.index('type_vocab_size') : 0
  const half = (outputNorm: string): Omit<SubLayer<never>, 'parts'> => ({
    norm: null,
    outNorm: null,
    streamNorm: norm(outputNorm),
    scale: 1,
  })
  const layer = (i: number): LayerDescription => {
    const stem = (name: string) => `${whole(names.layers)}${i}.${name}`
    const projection = (name: string, rows: number, bias = true): Projection => ({
      stem: stem(name),
      rows,
      bias,
    })
    const { gated = false, feedForwardBias } = traits
    const up = projection(names.up, intermediate, feedForwardBias)
    return {
      mixer: {
        ...half(stem(names.attentionNorm)),
        parts: [
          {
            kind: 'attention',
            heads,
            kvHeads: heads,
            headDim,
            projections: names.qkv.map((name) =>
              projection(name, (3 * hidden) / names.qkv.length, traits.qkvBias),
            ),
            query: { first: 0, stride: headDim },
            key: { first: hidden, stride: headDim },
            value: { first: 2 * hidden, stride: headDim },
            output: projection(names.attentionOutput, hidden, traits.outputBias),
            headNorm: null,
            rope,
            scale: 1 / Math.sqrt(headDim),
            window: null,
            causal: false,
            gate: null,
            valueNorm: null,
            queryGrowth: null,
            sharesKvOf: null,
            latent: null,
            positionBias: traits.positionBias === undefined ? null : whole(traits.positionBias),
            softCap: null,
            sinks: null,
          },
        ],
      },
      feedForward: {
        ...half(stem(names.outputNorm)),
        parts: [
          {
            kind: gated ? 'gated' : 'plain',
            activation,
            intermediate,
            inputs: gated ? [projection(names.gate, intermediate, feedForwardBias), up] : [up],
            down: projection(names.down, hidden, feedForwardBias),
          },
        ],
      },
      parallel: false,
    }
  }
  return {
    hidden,
    contextLength: positions - offset,
    embedding: {
      stem: whole(names.words),
      scale: 1,
      positions: rope ? null : { stem: whole(names.positions), rows: positions, offset },
      types: types > 0 ? { stem: whole(names.types), rows: types } : null,
      norm: norm(whole(names.embeddingNorm)),
    },
    layers: Array.from({ length: layers }, (_, i) => layer(i)),
    finalNorm: null,
    logits: null,
    beside: /^(?:\w+\.)?(?:pooler\.|cls\.|lm_head\.|vocab_|embeddings\.position_ids$)/,
    ...(traits.scoring && { scoring: scoring(config, hidden, traits.scoring) }),
  }
}

function scoring(
  config: ConfigReader,
  hidden: number,
  layers: NonNullable<EncoderTraits['scoring']>,
): PooledDescription {
  return {
    pooling: 'cls',
    normalized: false,
    layers: layers.map(([stem, kind], i) => ({
      projection: { stem, rows: i === layers.length - 1 ? labelsOf(config) : hidden, bias: true },
      activation: { kind },
      norm: null,
    })),
  }
}
