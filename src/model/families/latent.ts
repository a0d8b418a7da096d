import { type ConfigReader, unsupported } from '../config-reader'
import type { AttentionDescription, NormDescription } from '../description'
import { yarnGrowth } from '../read-rope'
import type { DecoderTraits, LayerTools } from './decoder'

/** What the attention kernels were tried with. */
const mostLatent = 576

/** transformers gives the norms of latents this one, whatever the config says of the others. */
const epsilon = 1e-6

/** Multi-head latent attention (DeepSeek-AI 2024, arXiv:2405.04434), as DeepSeek's and MiniCPM's repos name its tensors. */
export function latentTraits(config: ConfigReader): Pick<DecoderTraits, 'headDim' | 'scale' | 'attention'> {
  const dims = {
    latent: config.count('kv_lora_rank'),
    rotated: config.count('qk_rope_head_dim'),
    key: config.count('qk_nope_head_dim'),
    value: config.count('v_head_dim'),
    query: config.has('q_lora_rank') ? config.count('q_lora_rank') : null,
  }
  for (const dim of Object.values(dims)) {
    if (dim !== null && dim % 4 !== 0)
      throw unsupported(
        `${config.where} has kv_lora_rank ${dims.latent}, qk_rope_head_dim ${dims.rotated}, qk_nope_head_dim ${dims.key}, v_head_dim ${dims.value}, q_lora_rank ${dims.query}; multiples of 4 are supported.`,
      )
  }
  if (dims.latent + dims.rotated > mostLatent)
    throw unsupported(
      `kv_lora_rank ${dims.latent} and qk_rope_head_dim ${dims.rotated} in ${config.where} are more than ${mostLatent} together, which are supported.`,
    )
  return {
    // Of what is rotated.
    headDim: dims.rotated,
    scale: yarnGrowth(config) / Math.sqrt(dims.key + dims.rotated),
    attention: (standard, tools) => latentAttention(config, standard, tools, dims),
  }
}

interface Dims {
  readonly latent: number
  readonly rotated: number
  readonly key: number
  readonly value: number
  readonly query: number | null
}

function latentAttention(
  config: ConfigReader,
  standard: AttentionDescription,
  { projection, stem }: LayerTools,
  dims: Dims,
): AttentionDescription {
  const { heads } = standard
  const bias = config.flag('attention_bias', false)
  const norm = (name: string): NormDescription => ({
    kind: 'rms',
    stem: stem(name),
    epsilon,
    bias: false,
    plusOne: false,
  })
  const key = projection('self_attn.kv_a_proj_with_mqa', dims.latent + dims.rotated, bias)
  const queryRows = heads * (dims.key + dims.rotated)
  const shared = {
    dim: dims.latent,
    norm: norm('self_attn.kv_a_layernorm'),
    keyDim: dims.key,
    valueDim: dims.value,
    up: stem('self_attn.kv_b_proj'),
  }
  const own = {
    ...standard,
    kvHeads: 1,
    headDim: dims.latent + dims.rotated,
    query: { first: key.rows + (dims.query ?? 0), stride: dims.key + dims.rotated },
    key: { first: dims.query ?? 0, stride: key.rows },
  }
  if (dims.query === null)
    return {
      ...own,
      projections: [key, projection('self_attn.q_proj', queryRows)],
      latent: { ...shared, query: null },
    }
  return {
    ...own,
    projections: [projection('self_attn.q_a_proj', dims.query, bias), key],
    latent: {
      ...shared,
      query: {
        dim: dims.query,
        norm: norm('self_attn.q_a_layernorm'),
        projection: projection('self_attn.q_b_proj', queryRows),
      },
    },
  }
}
