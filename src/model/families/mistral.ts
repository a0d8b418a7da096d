import { decoder } from './decoder'
import type { Family } from './family'

/** Mistral 7B to Nemo (Jiang et al. 2023, arXiv:2310.06825): a window over all layers, or none; Ministral: over some. */
export const mistral: Family = {
  modelTypes: ['mistral', 'ministral'],
  gguf: [],
  describe: (config, has) => decoder(config, has),
}

/** Ministral 3: queries grow with their position beyond the original context, as Llama 4's do. */
export const ministral3: Family = {
  modelTypes: ['ministral3'],
  gguf: [],
  describe: (config, has) => {
    const rope = config.object('rope_parameters')
    const growth = {
      beta: rope.number('llama_4_scaling_beta'),
      original: rope.count('original_max_position_embeddings'),
    }
    return decoder(config, has, { attention: (standard) => ({ ...standard, queryGrowth: growth }) })
  },
}
