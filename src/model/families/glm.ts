import { decoder } from './decoder'
import { deepseekFeedForward, layersAhead } from './experts'
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

/** GLM-4.5 (arXiv:2508.06471): experts as DeepSeek-V3 has them. */
export const glm4Moe: Family = {
  modelTypes: ['glm4_moe'],
  gguf: [],
  describe: (config, has) => ({
    ...decoder(config, has, {
      outputBias: false,
      ...(config.flag('use_qk_norm', false) ? { headNorm: { over: 'head' } } : {}),
      rope: { partial: 0.5 },
      feedForward: (tools) => deepseekFeedForward(config, tools, 'sigmoid'),
    }),
    beside: layersAhead(config),
  }),
}
