import { decoder } from './decoder'
import { readExperts } from './experts'
import type { Family } from './family'

/** Mixtral (Jiang et al. 2024, arXiv:2401.04088): Mistral with experts. */
export const mixtral: Family = {
  modelTypes: ['mixtral'],
  gguf: [],
  describe: (config, has) => {
    const names = {
      router: 'block_sparse_moe.gate',
      gate: 'block_sparse_moe.experts.*.w1',
      up: 'block_sparse_moe.experts.*.w3',
      down: 'block_sparse_moe.experts.*.w2',
    }
    return decoder(config, has, {
      feedForward: (tools) => [readExperts(config, tools, { names, renormalizeEps: 0 })],
    })
  },
}
