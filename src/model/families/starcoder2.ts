import { decoder } from './decoder'
import type { Family } from './family'

/** StarCoder 2 (arXiv:2402.19173): LayerNorm, biases, a plain feed-forward part, a window. */
export const starcoder2: Family = {
  modelTypes: ['starcoder2'],
  gguf: [],
  describe: (config, has) => {
    const bias = config.flag('use_bias', true)
    return decoder(config, has, {
      names: { up: 'mlp.c_fc', down: 'mlp.c_proj' },
      norm: { kind: 'layer', bias: true },
      qkvBias: bias,
      outputBias: bias,
      feedForwardBias: bias,
      gated: false,
    })
  },
}
