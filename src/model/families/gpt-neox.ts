import { decoder } from './decoder'
import type { Family } from './family'

/** GPT-NeoX and Pythia (arXiv:2204.06745): LayerNorm, parts side by side, Q, K and V of a head side by side. */
export const gptNeox: Family = {
  modelTypes: ['gpt_neox'],
  gguf: [],
  describe: (config, has) => {
    const bias = config.flag('attention_bias', true)
    const body = decoder(config, has, {
      prefix: 'gpt_neox.',
      names: {
        embedding: 'embed_in',
        output: 'embed_out',
        outputNorm: 'final_layer_norm',
        qkv: 'attention.query_key_value',
        attentionOutput: 'attention.dense',
        up: 'mlp.dense_h_to_4h',
        down: 'mlp.dense_4h_to_h',
      },
      norm: { kind: 'layer', bias: true },
      parallel: config.flag('use_parallel_residual', true) ? 'own norms' : null,
      qkvBias: bias,
      outputBias: bias,
      feedForwardBias: true,
      gated: false,
      rope: { partial: 0.25 },
      attention: (standard) => {
        const { headDim } = standard
        const stride = 3 * headDim
        return {
          ...standard,
          query: { first: 0, stride },
          key: { first: headDim, stride },
          value: { first: 2 * headDim, stride },
        }
      },
    })
    // Causal masks of old checkpoints.
    return { ...body, beside: /\.attention\.(?:bias|masked_bias)$/ }
  },
}
