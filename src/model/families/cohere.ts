import { allButEvery, type DecoderTraits, decoder } from './decoder'
import type { Family } from './family'

const common: DecoderTraits = {
  norm: { kind: 'layer' },
  parallel: 'one norm',
  rope: { pairs: 'neighbours' },
}

/** Command R (Cohere 2024): LayerNorm without biases, parts side by side, neighbours turn. */
export const cohere: Family = {
  modelTypes: ['cohere'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, {
      ...common,
      ...(config.flag('use_qk_norm', false) ? { headNorm: { kind: 'layer', over: 'heads' } } : {}),
      logits: { scale: config.positive('logit_scale', 0.0625) },
    }),
}

/** Command R7B (Cohere 2024): three layers with a window, then one that sees all and is not told positions. */
export const cohere2: Family = {
  modelTypes: ['cohere2'],
  gguf: [],
  describe: (config, has) => {
    return decoder(config, has, {
      ...common,
      slides: allButEvery(config, 4),
      rotates: (_, type) => type === 'sliding_attention',
      logits: { scale: config.positive('logit_scale', 0.0625) },
    })
  },
}
