import { decoder } from './decoder'
import { deepseekFeedForward, layersAhead } from './experts'
import type { Family } from './family'
import { latentTraits } from './latent'

/** DeepSeek-V2 (arXiv:2405.04434): latent attention, whose positions turn neighbours, and experts. */
export const deepseekV2: Family = {
  modelTypes: ['deepseek_v2'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, {
      ...latentTraits(config),
      rope: { pairs: 'neighbours' },
      feedForward: (tools) => deepseekFeedForward(config, tools, 'softmax'),
    }),
}

/** DeepSeek-V3 (arXiv:2412.19437): experts are chosen by sigmoids, biased, in groups. */
export const deepseekV3: Family = {
  modelTypes: ['deepseek_v3'],
  gguf: [],
  describe: (config, has) => ({
    ...decoder(config, has, {
      ...latentTraits(config),
      rope: { pairs: config.flag('rope_interleave', true) ? 'neighbours' : 'halves' },
      feedForward: (tools) => deepseekFeedForward(config, tools, 'sigmoid'),
    }),
    beside: layersAhead(config),
  }),
}
