import { type ConfigReader, malformedConfig } from '../config-reader'
import type { AttentionDescription } from '../description'
import type { LayerType } from '../read-rope'
import type { LayerTools } from './decoder'

/**
 * The last `num_kv_shared_layers` layers have no K and V: each reads those of the last layer of its type before them. To be
 * asked layer by layer, from the first on.
 */
export function sharedKv(
  config: ConfigReader,
): (own: AttentionDescription, tools: LayerTools) => AttentionDescription {
  const layers = config.count('num_hidden_layers')
  const shared = config.index('num_kv_shared_layers', 0)
  if (shared > 0 && shared >= layers) {
    throw malformedConfig(
      `num_kv_shared_layers in ${config.where} is ${shared}; the model has ${layers} layers, of which one at least has K and V.`,
    )
  }
  const first = layers - shared
  const last = new Map<LayerType, { readonly i: number; readonly own: AttentionDescription }>()
  return (own, { i, type }) => {
    if (i < first) {
      last.set(type, { i, own })
      return own
    }
    const source = last.get(type)
    if (!source || source.own.headDim !== own.headDim || source.own.kvHeads !== own.kvHeads) {
      throw malformedConfig(
        `Layer ${i} of ${config.where} shares keys and values, but none of the first ${first} layers is of type ${type} with heads like its own.`,
      )
    }
    return { ...own, projections: own.projections.slice(0, 1), valueNorm: null, sharesKvOf: source.i }
  }
}

/** Names of the K and V that repos have in layers which share them; none where no layer does. */
export function unreadKv(config: ConfigReader): { readonly beside?: RegExp } {
  const layers = config.count('num_hidden_layers')
  const shared = config.index('num_kv_shared_layers', 0)
  if (shared === 0) return {}
  const numbers = Array.from({ length: shared }, (_, i) => layers - 1 - i).join('|')
  return { beside: new RegExp(`\\.(${numbers})\\.self_attn\\.(k_proj|v_proj|k_norm|v_norm)\\.`) }
}
