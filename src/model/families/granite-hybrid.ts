import { unsupported } from '../config-reader'
import { decoder } from './decoder'
import type { Family } from './family'
import { graniteScales } from './granite'
import { readMamba } from './mamba'

/** Granite 4 (IBM 2025): most layers are Mamba 2, some attention, which mostly is not told positions. */
export const graniteHybrid: Family = {
  modelTypes: ['granitemoehybrid'],
  gguf: [],
  describe: (config, has) => {
    if (config.index('num_local_experts', 0) > 0)
      throw unsupported(`${config.where} has experts beside Mamba layers, which are not supported yet.`)
    const types = config.list('layer_types')
    const inner = config.count('mamba_expand', 2) * config.count('hidden_size')
    const hidden = config.count('hidden_size')
    const intermediate = config.count('shared_intermediate_size')
    const rotates = config.has('position_embedding_type') && config.text('position_embedding_type') === 'rope'
    return decoder(config, has, {
      ...graniteScales(config),
      rotates: () => rotates,
      layer: (standard, tools) => {
        const [part] = standard.feedForward.parts
        const feedForward = {
          ...part!,
          intermediate,
          inputs: [tools.projection('shared_mlp.input_linear', 2 * intermediate)],
          down: tools.projection('shared_mlp.output_linear', hidden),
        }
        const layer = { ...standard, feedForward: { ...standard.feedForward, parts: [feedForward] } }
        const type = types?.[tools.i]
        if (type !== 'mamba' && type !== 'linear_attention') return layer
        const norm = { epsilon: tools.epsilon, groups: 1, gateFirst: true }
        const scales = { z: 1, x: 1, b: 1, c: 1, dt: 1 }
        const mamba = readMamba(config, tools, inner, norm, scales)
        return { ...layer, mixer: { ...layer.mixer, parts: [mamba] } }
      },
    })
  },
}
