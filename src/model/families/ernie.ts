import { decoder } from './decoder'
import type { Family } from './family'

/** ERNIE 4.5 (Baidu 2025): llama whose neighbours turn. */
export const ernie: Family = {
  modelTypes: ['ernie4_5'],
  gguf: [],
  describe: (config, has) => {
    const bias = config.flag('use_bias', false)
    return decoder(config, has, {
      rope: { pairs: 'neighbours' },
      qkvBias: bias,
      outputBias: bias,
      feedForwardBias: bias,
    })
  },
}
