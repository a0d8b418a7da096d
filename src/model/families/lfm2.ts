import type { ConfigReader } from '../config-reader'
import { type DecoderTraits, decoder } from './decoder'
import { readExperts } from './experts'
import type { Family, HasTensor, ModelBody } from './family'

/** LFM2 (Liquid AI 2025): most layers are gated short convolutions, some attention. */
export const lfm2: Family = {
  modelTypes: ['lfm2'],
  gguf: [],
  describe: (given, has) => {
    const config = given.with({ intermediate_size: intermediateSize(given) })
    return describe(config, has)
  },
}

/** LFM2 with experts in all layers but the first. */
export const lfm2Moe: Family = {
  modelTypes: ['lfm2_moe'],
  gguf: [],
  describe: (config, has) => {
    const dense = config.index('num_dense_layers', 0)
    const names = {
      router: 'feed_forward.gate',
      correction: 'feed_forward.expert_bias',
      gate: 'feed_forward.experts.*.w1',
      up: 'feed_forward.experts.*.w3',
      down: 'feed_forward.experts.*.w2',
    }
    const traits = {
      names,
      scores: 'sigmoid',
      corrected: config.flag('use_expert_bias', true),
      renormalizeEps: config.flag('norm_topk_prob', true) ? 1e-6 : null,
      scale: config.positive('routed_scaling_factor', 1),
    } as const
    return describe(config, has, (tools) => [
      tools.i < dense ? tools.dense() : readExperts(config, tools, traits),
    ])
  },
}

function describe(
  config: ConfigReader,
  has: HasTensor,
  feedForward: DecoderTraits['feedForward'] = (tools) => [tools.dense()],
): ModelBody {
  const hidden = config.count('hidden_size')
  const isAttention = attentionLayers(config)
  return decoder(config, has, {
    feedForward,
    names: {
      outputNorm: 'embedding_norm',
      attentionNorm: 'operator_norm',
      attentionOutput: 'self_attn.out_proj',
      queryNorm: 'self_attn.q_layernorm',
      keyNorm: 'self_attn.k_layernorm',
      feedForwardNorm: 'ffn_norm',
      gate: 'feed_forward.w1',
      up: 'feed_forward.w3',
      down: 'feed_forward.w2',
    },
    headNorm: { over: 'head' },
    rope: { base: 1e6 },
    layer: (standard, tools) => {
      if (isAttention(tools.i)) return standard
      const bias = config.flag('conv_bias', false)
      const conv = {
        kind: 'short-conv',
        input: tools.projection('conv.in_proj', 3 * hidden, bias),
        convolution: { stem: tools.stem('conv.conv'), taps: config.count('conv_L_cache', 3), bias },
        output: tools.projection('conv.out_proj', hidden, bias),
      } as const
      return { ...standard, mixer: { ...standard.mixer, parts: [conv] } }
    },
  })
}

function attentionLayers(config: ConfigReader): (i: number) => boolean {
  const types = config.list('layer_types')
  if (types !== null) return (i) => types[i] === 'full_attention'
  const indices = config.list('full_attn_idxs')
  return (i) => indices === null || indices.includes(i)
}

/** Configs say the width of a feed-forward part without gates, to be cut to two thirds and rounded up. */
function intermediateSize(config: ConfigReader): number {
  const whole = config.count(config.pick('block_ff_dim', 'intermediate_size'))
  if (!config.flag('block_auto_adjust_ff_dim', true)) return whole
  const cut = Math.floor((2 * whole) / 3)
  const scaled = Math.floor(cut * config.positive('block_ffn_dim_multiplier', 1))
  const multiple = config.count('block_multiple_of', 256)
  return multiple * Math.ceil(scaled / multiple)
}
