import { unsupported } from '../config-reader'
import { allButEvery, decoder } from './decoder'
import { readExperts } from './experts'
import type { Family } from './family'

/** OLMo 2 (arXiv:2501.00656): norms after each part, and over all heads of Q and of K. OLMo 3: windows in some layers. */
export const olmo2: Family = {
  modelTypes: ['olmo2', 'olmo3'],
  gguf: ['olmo2'],
  describe: (config, has) =>
    decoder(config, has, {
      norms: 'after',
      headNorm: { over: 'all' },
      rope: { slidingIsPlain: true },
      slides: allButEvery(config, 4),
    }),
}

/** OLMoE (Muennighoff et al. 2024, arXiv:2409.02060): llama with experts, and norms over all heads of Q and of K. */
export const olmoe: Family = {
  modelTypes: ['olmoe'],
  gguf: [],
  describe: (config, has) => {
    if (config.has('clip_qkv')) throw unsupported(`${config.where} has clip_qkv, which is not supported.`)
    const renormalizeEps = config.flag('norm_topk_prob', false) ? 0 : null
    return decoder(config, has, {
      headNorm: { over: 'all' },
      feedForward: (tools) => [readExperts(config, tools, { renormalizeEps })],
    })
  },
}
