import { type ConfigReader, malformedConfig, unsupported } from '../config-reader'
import type { AttentionDescription } from '../description'
import type { DeltaNetDescription } from '../recurrent-description'
import { decoder, type LayerTools } from './decoder'
import type { Family } from './family'

/** What the kernel has room for. */
const mostKeyDim = 1024

/** Qwen 3.5 (Alibaba 2026): three layers of gated delta nets, then one of gated attention. */
export const qwen35: Family = {
  modelTypes: ['qwen3_5_text'],
  gguf: [],
  describe: (config, has) => {
    const types = config.list('layer_types')
    const every = config.count('full_attention_interval', 4)
    const isLinear = (i: number) => (types ? types[i] === 'linear_attention' : (i + 1) % every !== 0)
    return decoder(config, has, {
      norm: { plusOne: true },
      headNorm: { over: 'head' },
      rope: { partial: 0.25 },
      attention: gatedAttention,
      layer: (standard, tools) =>
        isLinear(tools.i)
          ? { ...standard, mixer: { ...standard.mixer, parts: [readDeltaNet(config, tools)] } }
          : standard,
    })
  },
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

function readDeltaNet(config: ConfigReader, { projection, stem, epsilon }: LayerTools): DeltaNetDescription {
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
  return {
    kind: 'delta-net',
    keyHeads,
    valueHeads,
    keyDim,
    valueDim,
    order: 'by part',
    projections: [
      part('in_proj_qkv', 2 * keys + values),
      part('in_proj_z', values),
      part('in_proj_b', valueHeads),
      part('in_proj_a', valueHeads),
    ],
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
