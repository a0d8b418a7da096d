import type { ConfigReader } from '../config-reader'
import { type DecoderTraits, decoder } from './decoder'
import { readExperts, sharedExperts } from './experts'
import type { Family } from './family'

/** Llama whose neighbours turn. */
function ernieTraits(config: ConfigReader): DecoderTraits {
  const bias = config.flag('use_bias', false)
  return { rope: { pairs: 'neighbours' }, qkvBias: bias, outputBias: bias, feedForwardBias: bias }
}

/** ERNIE 4.5 (Baidu 2025). */
export const ernie: Family = {
  modelTypes: ['ernie4_5'],
  gguf: [],
  describe: (config, has) => decoder(config, has, ernieTraits(config)),
}

/** ERNIE 4.5 with experts, all of them but in the first layers, and with shared ones. */
export const ernieMoe: Family = {
  modelTypes: ['ernie4_5_moe'],
  gguf: [],
  describe: (config, has) => {
    const first = config.index('moe_layer_start_index', 1)
    const end = config.number('moe_layer_end_index', -1)
    const last = end < 0 ? config.count('num_hidden_layers') - 1 : end
    const interval = config.count('moe_layer_interval', 1)
    const shared = config.index('moe_num_shared_experts', 0) * config.count('moe_intermediate_size')
    const names = { correction: 'mlp.moe_statics.e_score_correction_bias' }
    const body = decoder(config, has, {
      ...ernieTraits(config),
      feedForward: (tools) => {
        const { i } = tools
        if (i < first || i > last || (i + 1) % interval !== 0) return [tools.dense()]
        const routed = readExperts(config, tools, { names, corrected: true, renormalizeEps: 0 })
        return shared > 0 ? [routed, sharedExperts(tools, shared, 'mlp.shared_experts')] : [routed]
      },
    })
    // Layers that foretell more tokens.
    return { ...body, beside: /^model\.mtp_/ }
  },
}
