import { type ConfigReader, malformedConfig, unsupported } from '../config-reader'
import type { AttentionDescription, Projection } from '../description'
import type { DeltaNetDescription } from '../recurrent-description'
import { type DecoderTraits, decoder, type LayerTools } from './decoder'
import type { Family, HasTensor, ModelBody } from './family'
import { qwenFeedForward } from './qwen-moe'

/** What the kernel has room for. */
const mostKeyDim = 1024

/** Qwen 3.5 (Alibaba 2026): three layers of gated delta nets, then one of gated attention. */
export const qwen35: Family = {
  modelTypes: ['qwen3_5_text'],
  gguf: [],
  describe: (config, has) => describe(config, has, 'by part'),
}

/** Qwen 3.5 with experts. */
export const qwen35Moe: Family = {
  modelTypes: ['qwen3_5_moe_text'],
  gguf: [],
  describe: (config, has) => describe(config, has, 'by part', mixture(config)),
}

/** Qwen 3 Next (Alibaba 2025): the same, with its projections' rows in the order of key heads. */
export const qwen3Next: Family = {
  modelTypes: ['qwen3_next'],
  gguf: [],
  describe: (config, has) => describe(config, has, 'by key head', mixture(config)),
}

function mixture(config: ConfigReader): DecoderTraits {
  return { feedForward: qwenFeedForward(config, { shared: true, renormalized: true }) }
}

function describe(
  config: ConfigReader,
  has: HasTensor,
  order: DeltaNetDescription['order'],
  traits: DecoderTraits = {},
): ModelBody {
  const types = config.list('layer_types')
  const every = config.count('full_attention_interval', 4)
  const isLinear = (i: number) => (types ? types[i] === 'linear_attention' : (i + 1) % every !== 0)
  return {
    ...decoder(config, has, {
      ...traits,
      norm: { plusOne: true },
      headNorm: { over: 'head' },
      rope: { partial: 0.25 },
      attention: gatedAttention,
      layer: (standard, tools) =>
        isLinear(tools.i)
          ? { ...standard, mixer: { ...standard.mixer, parts: [readDeltaNet(config, tools, order)] } }
          : standard,
    }),
    // What guesses tokens ahead.
    beside: /^mtp\./,
  }
}

/** Rows of a head's query and its gate in turn. */
function gatedAttention(standard: AttentionDescription): AttentionDescription {
  const { heads, headDim, projections } = standard
  const [query, ...others] = projections
  const rows = heads * headDim
  return {
    ...standard,
    projections: [{ ...query!, rows: 2 * rows }, ...others],
    query: { first: 0, stride: 2 * headDim },
    gate: { first: headDim, stride: 2 * headDim },
    key: { ...standard.key, first: standard.key.first + rows },
    value: { ...standard.value, first: standard.value.first + rows },
  }
}

function readDeltaNet(
  config: ConfigReader,
  { projection, stem, epsilon }: LayerTools,
  order: DeltaNetDescription['order'],
): DeltaNetDescription {
  const [keyHeads, valueHeads] = [
    config.count('linear_num_key_heads'),
    config.count('linear_num_value_heads'),
  ]
  const [keyDim, valueDim] = [config.count('linear_key_head_dim'), config.count('linear_value_head_dim')]
  if (valueHeads % keyHeads !== 0)
    throw malformedConfig(
      `linear_num_value_heads ${valueHeads} is not a multiple of linear_num_key_heads ${keyHeads}.`,
    )
  if (keyDim % 4 !== 0 || valueDim % 4 !== 0 || keyDim > mostKeyDim)
    throw unsupported(
      `The delta net’s heads are [${keyDim}, ${valueDim}]; multiples of 4 and keys up to ${mostKeyDim} are supported.`,
    )
  const [keys, values] = [keyHeads * keyDim, valueHeads * valueDim]
  const part = (name: string, rows: number) => projection(`linear_attn.${name}`, rows)
  const inputs: Readonly<Record<typeof order, readonly Projection[]>> = {
    'by part': [
      part('in_proj_qkv', 2 * keys + values),
      part('in_proj_z', values),
      part('in_proj_b', valueHeads),
      part('in_proj_a', valueHeads),
    ],
    'by key head': [part('in_proj_qkvz', 2 * keys + 2 * values), part('in_proj_ba', 2 * valueHeads)],
  }
  return {
    kind: 'delta-net',
    keyHeads,
    valueHeads,
    keyDim,
    valueDim,
    order,
    projections: inputs[order],
    convolution: {
      stem: stem('linear_attn.conv1d'),
      taps: config.count('linear_conv_kernel_dim', 4),
      bias: false,
    },
    aLog: stem('linear_attn.A_log'),
    dtBias: stem('linear_attn.dt_bias'),
    norm: { weight: stem('linear_attn.norm.weight'), epsilon },
    output: part('out_proj', config.count('hidden_size')),
  }
}
