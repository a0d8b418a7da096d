import type { ConfigReader } from '../config-reader'
import type { DenseDescription, FeedForwardDescription } from '../description'
import { decoder, type LayerTools } from './decoder'
import { expertsField, readExperts, sharedExperts } from './experts'
import type { Family } from './family'
import { slides } from './qwen'

/** Qwen 1.5 and 2 with experts (arXiv:2407.10671), one of which is shared. */
export const qwen2Moe: Family = {
  modelTypes: ['qwen2_moe'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, {
      qkvBias: config.flag('qkv_bias', true),
      outputBias: false,
      slides: slides(config),
      feedForward: qwenFeedForward(config, { shared: true, renormalized: false }),
    }),
}

/** Qwen 3 with experts (arXiv:2505.09388). */
export const qwen3Moe: Family = {
  modelTypes: ['qwen3_moe'],
  gguf: ['qwen3moe'],
  describe: (config, has) =>
    decoder(config, has, {
      headNorm: { over: 'head' },
      slides: slides(config),
      // llama.cpp knows it from the architecture alone.
      feedForward: qwenFeedForward(config, { shared: false, renormalized: config.container === 'gguf' }),
    }),
}

/** Layers have experts unless the config names them as dense; `renormalized`: what is meant where it does not say. */
export function qwenFeedForward(
  config: ConfigReader,
  { shared, renormalized: otherwise }: { readonly shared: boolean; readonly renormalized: boolean },
): (tools: LayerTools) => readonly FeedForwardDescription[] {
  const dense = config.list('mlp_only_layers') ?? []
  const step = config.count('decoder_sparse_step', 1)
  const anyExperts = config.index(expertsField(config), 0) > 0
  const renormalized = config.flag('norm_topk_prob', otherwise)
  return (tools) => {
    if (!anyExperts || dense.includes(tools.i) || (tools.i + 1) % step !== 0) return [tools.dense()]
    const routed = readExperts(config, tools, { renormalizeEps: renormalized ? 0 : null })
    return shared ? [routed, sharedExpert(config, tools)] : [routed]
  }
}

/** Each token says how much of it counts. */
function sharedExpert(config: ConfigReader, tools: LayerTools): DenseDescription {
  const intermediate = config.count('shared_expert_intermediate_size')
  return {
    ...sharedExperts(tools, intermediate, 'mlp.shared_expert'),
    share: tools.projection('mlp.shared_expert_gate', 1),
  }
}
