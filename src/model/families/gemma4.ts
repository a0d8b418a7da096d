import { ConfigReader, shown, unsupported } from '../config-reader'
import type { AttentionDescription } from '../description'
import type { LayerType } from '../read-rope'
import { readActivation } from './activations'
import { decoder, type LayerTools } from './decoder'
import type { Family, HasTensor } from './family'
import { namesAround } from './gemma'
import { ownInput, withLayerInputs } from './layer-inputs'
import { sharedKv, unreadKv } from './shared-kv'

/**
 * Gemma 4 (Google 2026): full layers have wider heads than those with a window, scores are not scaled, V is normalized
 * as Q and K are, layers may have inputs of their own, and the last ones read K and V of earlier ones.
 */
export const gemma4: Family = {
  modelTypes: ['gemma4_text'],
  gguf: [],
  describe: (config, has) => {
    refuseOthers(config)
    const layers = config.count('num_hidden_layers')
    const own = perLayerConfig(config)
    const alike = config.flag('attention_k_eq_v', false)
    const withoutV = (type: LayerType) => alike && type === 'full_attention'
    const firstShared = layers - config.index('num_kv_shared_layers', 0)
    const doubled = config.flag('use_double_wide_mlp', false)
    const share = sharedKv(config)
    const body = decoder(config, has, {
      names: namesAround,
      norms: 'both',
      embeddingScale: Math.sqrt(config.count('hidden_size')),
      activation: readActivation(config, 'gelu-tanh'),
      // Without a list of types every sixth layer is a full one, and so is the last.
      slides: (i) => (i + 1) % 6 !== 0 && i + 1 !== layers,
      headNorm: { over: 'head' },
      scale: 1,
      logits: { softCap: config.some('final_logit_softcapping') },
      headDim: (i, type) => {
        const wide = type === 'full_attention' ? config.pick('global_head_dim', 'head_dim') : 'head_dim'
        return own(i).count('head_dim', config.count(wide))
      },
      kvHeads: (i, type) => {
        const heads = 'num_key_value_heads'
        const field = withoutV(type) ? config.pick('num_global_key_value_heads', heads) : heads
        return own(i).count(heads, config.count(field))
      },
      intermediate: (i) => {
        const width = config.count('intermediate_size')
        return own(i).count('intermediate_size', doubled && i >= firstShared ? 2 * width : width)
      },
      attention: (standard, tools) => {
        const normed = { ...standard, valueNorm: tools.epsilon }
        return share(withoutV(tools.type) ? valuesAreKeys(normed) : normed, tools)
      },
      layer: (standard, tools) => ({
        ...standard,
        ...ownInput(config, tools),
        streamScale: streamScale(tools, has),
      }),
    })
    return { ...withLayerInputs(config, body), ...unreadKv(config) }
  },
}

/** A layer whose values are its keys before they are normalized and turned. */
function valuesAreKeys(standard: AttentionDescription): AttentionDescription {
  return { ...standard, projections: standard.projections.slice(0, 2), value: standard.key }
}

function streamScale({ stem }: LayerTools, has: HasTensor): string | null {
  const name = stem('layer_scalar')
  return has(name) ? name : null
}

const perLayerFields = ['head_dim', 'num_key_value_heads', 'intermediate_size']

/** What `per_layer_config` says of a layer (transformers 5); elsewhere it is said once for all layers of a type. */
function perLayerConfig(config: ConfigReader): (i: number) => ConfigReader {
  const none = new ConfigReader({}, config.where)
  if (!config.has('per_layer_config')) return () => none
  const all = config.object('per_layer_config')
  return (i) => {
    if (!all.has(`${i}`)) return none
    const own = all.object(`${i}`)
    const other = Object.keys(own.json).find((field) => !perLayerFields.includes(field))
    if (other !== undefined) {
      throw unsupported(`${own.where} has ${other}; ${perLayerFields.join(', ')} are supported.`)
    }
    return own
  }
}

/** @throws OctavoError 'unsupported-architecture' */
function refuseOthers(config: ConfigReader): void {
  if (config.flag('enable_moe_block', false)) {
    throw unsupported(
      `${config.where} has enable_moe_block; Gemma 4 models with experts are not supported yet.`,
    )
  }
  const bidirectional = config.json.use_bidirectional_attention ?? null
  // Images alone are read both ways under 'vision'.
  if (bidirectional !== null && bidirectional !== false && bidirectional !== 'vision') {
    throw unsupported(
      `${config.where} has use_bidirectional_attention ${shown(bidirectional)}; a model that writes sees what came before.`,
    )
  }
}
