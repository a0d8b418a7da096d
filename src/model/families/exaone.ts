import { allButEvery, decoder } from './decoder'
import type { Family } from './family'

/** EXAONE 4 (arXiv:2507.11407): norms after each part; layers with a window are told positions, the others are not. */
export const exaone4: Family = {
  modelTypes: ['exaone4'],
  gguf: [],
  describe: (config, has) => {
    const windowed = config.some('sliding_window') !== null
    return decoder(config, has, {
      norms: 'after',
      headNorm: { over: 'head' },
      slides: allButEvery(config, 4),
      rotates: (_, type) => !windowed || type === 'sliding_attention',
    })
  },
}
