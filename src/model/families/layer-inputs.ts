import type { ConfigReader } from '../config-reader'
import type { LayerDescription } from '../description'
import type { LayerInputsDescription } from '../stream-description'
import { readActivation } from './activations'
import type { LayerTools } from './decoder'
import type { ModelBody } from './family'

/** Values of a layer's slice of the second embedding; null: there is none. */
function widthOf(config: ConfigReader): number | null {
  return config.some('hidden_size_per_layer_input') === null
    ? null
    : config.count('hidden_size_per_layer_input')
}

/** A decoder's second embedding, as Gemma 3n and 4 have it, its parts of layers aside. */
export function withLayerInputs(config: ConfigReader, body: ModelBody): ModelBody {
  const width = widthOf(config)
  const { hidden, layers, embedding, finalNorm } = body
  if (width === null || finalNorm === null) return body
  const beside = (name: string) => embedding.stem.replace(/embed_tokens$/, name)
  const layerInputs: LayerInputsDescription = {
    stem: beside('embed_tokens_per_layer'),
    rows: config.count('vocab_size_per_layer_input', config.count('vocab_size')),
    width,
    scale: Math.sqrt(width),
    projection: { stem: beside('per_layer_model_projection'), rows: layers.length * width, bias: false },
    projectionScale: 1 / Math.sqrt(hidden),
    norm: { ...finalNorm, stem: beside('per_layer_projection_norm') },
    sumScale: Math.SQRT1_2,
  }
  return { ...body, layerInputs }
}

/** What a layer does with its slice. */
export function ownInput(
  config: ConfigReader,
  { projection, norm }: LayerTools,
): Pick<LayerDescription, 'ownInput'> {
  const width = widthOf(config)
  if (width === null) return {}
  return {
    ownInput: {
      width,
      gate: projection('per_layer_input_gate', width),
      activation: readActivation(config, 'gelu-tanh'),
      projection: projection('per_layer_projection', config.count('hidden_size')),
      norm: norm('post_per_layer_input_norm'),
    },
  }
}
