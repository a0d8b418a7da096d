import { type ConfigReader, unsupported } from '../config-reader'
import type { LayerDescription } from '../description'
import { decoder, type LayerTools } from './decoder'
import type { Family } from './family'
import { readMamba } from './mamba'

/** Falcon H1 (TII 2025, arXiv:2507.22448): in each layer attention and Mamba 2 side by side, and many scales. */
export const falconH1: Family = {
  modelTypes: ['falcon_h1'],
  gguf: [],
  describe: (config, has) => {
    const attentionIn = config.positive('attention_in_multiplier', 1)
    if (attentionIn !== 1 && config.flag('attention_bias', false))
      throw unsupported(`${config.where} has attention_bias and attention_in_multiplier; one is supported.`)
    const headDim = config.count(
      'head_dim',
      config.count('hidden_size') / config.count('num_attention_heads'),
    )
    const keyScale = config.positive('key_multiplier', 1)
    const [gate, down] = multipliers(config, 'mlp_multipliers', 2) as [number, number]
    return decoder(config, has, {
      names: {
        outputNorm: 'final_layernorm',
        feedForwardNorm: 'pre_ff_layernorm',
        gate: 'feed_forward.gate_proj',
        up: 'feed_forward.up_proj',
        down: 'feed_forward.down_proj',
      },
      embeddingScale: config.positive('embedding_multiplier', 1),
      logits: { scale: config.positive('lm_head_multiplier', 1) },
      // What queries and keys are multiplied by, since both read scaled rows.
      scale: (attentionIn ** 2 * keyScale) / Math.sqrt(headDim),
      activation: gate === 1 ? { kind: 'silu' } : { kind: 'scaled-silu', alpha: gate },
      layer: (standard, tools) => layer(config, tools, standard, attentionIn, down),
    })
  },
}

function multipliers(config: ConfigReader, field: string, count: number): readonly number[] {
  return config.has(field) ? config.numbers(field, count) : new Array<number>(count).fill(1)
}

function layer(
  config: ConfigReader,
  tools: LayerTools,
  standard: LayerDescription,
  attentionIn: number,
  down: number,
): LayerDescription {
  const input = config.positive('ssm_in_multiplier', 1)
  if (input !== 1 && config.flag('mamba_proj_bias', false))
    throw unsupported(`${config.where} has mamba_proj_bias and ssm_in_multiplier; one is supported.`)
  const [z, x, b, c, dt] = multipliers(config, 'ssm_multipliers', 5).map((scale) => input * scale) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const inner = config.count('mamba_d_ssm', config.count('mamba_expand', 2) * config.count('hidden_size'))
  const norm = config.flag('mamba_rms_norm', false)
    ? {
        epsilon: tools.norm('').epsilon,
        groups: config.count('mamba_n_groups', 1),
        gateFirst: !config.flag('mamba_norm_before_gate', true),
      }
    : null
  const mamba = readMamba(config, tools, inner, norm, { z, x, b, c, dt })
  return {
    ...standard,
    mixer: {
      ...standard.mixer,
      parts: [mamba, ...standard.mixer.parts],
      partScales: [
        config.positive('ssm_out_multiplier', 1),
        attentionIn * config.positive('attention_out_multiplier', 1),
      ],
    },
    feedForward: { ...standard.feedForward, scale: down },
  }
}
