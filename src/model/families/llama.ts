import { decoder } from './decoder'
import type { Family } from './family'

/** Llama 1 to 3 and what is built like them (Touvron et al. 2023, arXiv:2302.13971). */
export const llama: Family = {
  modelTypes: ['llama', 'internlm3'],
  gguf: ['llama'],
  describe: (config, has) =>
    decoder(config, has, {
      // llama.cpp reorders the rows of Q and K, so that neighbours turn together.
      rope: { pairs: config.container === 'gguf' ? 'neighbours' : 'halves' },
    }),
}
