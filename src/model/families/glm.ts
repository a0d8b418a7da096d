import { decoder } from './decoder'
import type { Family } from './family'

/** GLM-4 of 2025 (arXiv:2406.12793): four norms a layer, half of each head turns, by neighbours. */
export const glm4: Family = {
  modelTypes: ['glm4'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, {
      norms: 'both',
      names: {
        attentionOutNorm: 'post_self_attn_layernorm',
        feedForwardNorm: 'post_attention_layernorm',
        feedForwardOutNorm: 'post_mlp_layernorm',
      },
      outputBias: false,
      rope: { pairs: 'neighbours', partial: 0.5 },
    }),
}
