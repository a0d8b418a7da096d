import { decoder } from './decoder'
import type { Family } from './family'

/** SmolLM3: some layers are not told positions (NoPE, Yang et al. 2025, arXiv:2501.18795). */
export const smollm3: Family = {
  modelTypes: ['smollm3'],
  gguf: [],
  describe: (config, has) => {
    const told = config.list('no_rope_layers')
    const interval = config.count('no_rope_layer_interval', 4)
    return decoder(config, has, {
      rotates: (i) => (told ? told[i] === 1 : (i + 1) % interval !== 0),
      slides: () => config.flag('use_sliding_window', false),
    })
  },
}
