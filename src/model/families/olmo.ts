import { decoder } from './decoder'
import type { Family } from './family'

/** OLMo 2 (arXiv:2501.00656): norms after each part, and over all heads of Q and of K. OLMo 3: windows in some layers. */
export const olmo2: Family = {
  modelTypes: ['olmo2', 'olmo3'],
  gguf: ['olmo2'],
  describe: (config, has) =>
    decoder(config, has, { norms: 'after', headNorm: { over: 'all' }, rope: { slidingIsPlain: true } }),
}
