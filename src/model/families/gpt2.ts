import type { ConfigReader } from '../config-reader'
import { decoder } from './decoder'
import type { Family } from './family'

/** GPT-2 (Radford et al. 2019): LayerNorm, learned positions, and matrices that its repos have transposed. Old ones have causal masks, too. */
export const gpt2: Family = {
  modelTypes: ['gpt2'],
  gguf: ['gpt2'],
  describe: (config, has) => {
    const read = config.container === 'gguf' ? config : inCommonTerms(config)
    const rows = read.count('max_position_embeddings')
    const body = decoder(read, has, {
      prefix: 'transformer.',
      names: {
        embedding: 'wte',
        positions: 'wpe',
        outputNorm: 'ln_f',
        layers: 'h.',
        attentionNorm: 'ln_1',
        qkv: 'attn.c_attn',
        attentionOutput: 'attn.c_proj',
        feedForwardNorm: 'ln_2',
        up: 'mlp.c_fc',
        down: 'mlp.c_proj',
      },
      norm: { kind: 'layer', bias: true },
      qkvBias: true,
      outputBias: true,
      feedForwardBias: true,
      gated: false,
      activation: config.container === 'gguf' ? { kind: 'gelu-tanh' } : undefined,
      rotates: () => false,
      positions: { rows, offset: 0 },
      transposed: config.container === 'safetensors',
    })
    return { ...body, beside: /(?:^|\.)h\.\d+\.attn\.(?:bias|masked_bias)$/ }
  },
}

/** The config's own names for what others have. */
function inCommonTerms(config: ConfigReader): ConfigReader {
  const { json } = config
  const own: Readonly<Record<string, string>> = {
    hidden_size: 'n_embd',
    num_attention_heads: 'n_head',
    num_hidden_layers: 'n_layer',
    max_position_embeddings: 'n_positions',
    intermediate_size: 'n_inner',
  }
  const fields = Object.fromEntries(Object.entries(own).map(([common, name]) => [common, json[name]]))
  const width = json.n_inner ?? 4 * config.count('n_embd')
  return config.with({ ...fields, intermediate_size: width }, (field) => own[field] ?? field)
}
