import { decoder } from './decoder'
import type { Family } from './family'
import { graniteFeedForward, graniteScales } from './granite'
import { readMamba } from './mamba'

/** Granite 4 (IBM 2025): most layers are Mamba 2, some attention, which mostly is not told positions. */
export const graniteHybrid: Family = {
  modelTypes: ['granitemoehybrid'],
  gguf: [],
  describe: (config, has) => {
    const types = config.list('layer_types')
    const inner = config.count('mamba_expand', 2) * config.count('hidden_size')
    const rotates = config.has('position_embedding_type') && config.text('position_embedding_type') === 'rope'
    return decoder(config, has, {
      ...graniteScales(config),
      rotates: () => rotates,
      feedForward: graniteFeedForward(config),
      layer: (layer, tools) => {
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
