import { type ConfigReader, malformedConfig, shown } from '../config-reader'
import type { FeedForwardDescription, LayerDescription } from '../description'
import { normalQuantile } from '../normal-quantile'
import { readActivation } from './activations'
import { allButEvery, type DecoderTraits, decoder, type LayerTools } from './decoder'
import type { Family, ModelBody } from './family'
import { namesAround } from './gemma'
import { ownInput, withLayerInputs } from './layer-inputs'
import { sharedKv, unreadKv } from './shared-kv'

/**
 * Gemma 3n (Google 2025): several streams of which layers compute one (AltUp), a residual of low rank beside attention
 * (LAuReL), inputs of layers, feed-forward parts that drop most gates, and K and V shared by the last layers.
 */
export const gemma3n: Family = {
  modelTypes: ['gemma3n_text'],
  gguf: [],
  describe: (config, has) => {
    const share = sharedKv(config)
    const cutoffs = readCutoffs(config)
    const traits: DecoderTraits = {
      names: namesAround,
      norms: 'both',
      embeddingScale: Math.sqrt(config.count('hidden_size')),
      activation: readActivation(config, 'gelu-tanh'),
      slides: allButEvery(config, 5),
      rope: { base: 1e6, slidingBase: 1e4, slidingIsPlain: true },
      headNorm: { over: 'head' },
      scale: 1,
      logits: { softCap: config.some('final_logit_softcapping') },
      intermediate: widths(config),
      attention: (standard, tools) => share({ ...standard, valueNorm: tools.epsilon }, tools),
      layer: (standard, tools) => layerOf(config, standard, tools, cutoffs(tools.i)),
    }
    const body = decoder(config, has, traits)
    return { ...withStreams(config, withLayerInputs(config, body)), ...unreadKv(config) }
  },
}

function layerOf(
  config: ConfigReader,
  standard: LayerDescription,
  tools: LayerTools,
  cutoff: number | null,
): LayerDescription {
  const { stem, norm, projection } = tools
  const { feedForward } = standard
  const withCutoff = (part: FeedForwardDescription) => (part.kind === 'experts' ? part : { ...part, cutoff })
  return {
    ...standard,
    feedForward: { ...feedForward, parts: feedForward.parts.map(withCutoff) },
    ...ownInput(config, tools),
    laurel: {
      down: projection('laurel.linear_left', config.count('laurel_rank', 64)),
      up: projection('laurel.linear_right', config.count('hidden_size')),
      norm: norm('laurel.post_laurel_norm'),
      scale: Math.SQRT1_2,
    },
    altUp: {
      routerNorm: norm('altup.router_norm'),
      router: stem('altup.modality_router'),
      prediction: stem('altup.prediction_coefs'),
      correction: stem('altup.correction_coefs'),
      outputScale: config.flag('altup_correct_scale', true) ? stem('altup.correct_output_scale') : null,
    },
  }
}

/** More would not fit the kernels' workgroup memory well; no model has more than 4. */
const mostStreams = 16

function withStreams(config: ConfigReader, body: ModelBody): ModelBody {
  const streams = config.count('altup_num_inputs', 4)
  const active = config.index('altup_active_idx', 0)
  if (streams > mostStreams || active >= streams) {
    throw malformedConfig(
      `${config.where} has altup_num_inputs ${streams} and altup_active_idx ${active}; up to ${mostStreams} streams are supported, of which one is active.`,
    )
  }
  const { embedding, hidden } = body
  const each = (name: string) =>
    Array.from({ length: streams - 1 }, (_, i) => ({
      stem: embedding.stem.replace(/embed_tokens$/, `${name}.${i}`),
      rows: hidden,
      bias: false,
    }))
  const altUp = {
    streams,
    active,
    projections: each('altup_projections'),
    backProjections: each('altup_unembed_projections'),
    floor: 1e-5,
  }
  return { ...body, altUp }
}

/** One number for all layers, or one for each. */
function widths(config: ConfigReader): (i: number) => number {
  const field = 'intermediate_size'
  if (!Array.isArray(config.json[field])) return () => config.count(field)
  const each = config.numbers(field, config.count('num_hidden_layers'))
  if (!each.every((width) => Number.isSafeInteger(width) && width > 0)) {
    throw config.wrong(field, 'a list of whole numbers above 0')
  }
  return (i) => each[i]!
}

/** Standard deviations above the mean by the share of gates that are dropped; null: none is. */
function readCutoffs(config: ConfigReader): (i: number) => number | null {
  const field = 'activation_sparsity_pattern'
  const given = config.json[field]
  const layers = config.count('num_hidden_layers')
  const shares = (i: number): number => {
    // As transformers has it where the config does not say.
    if (!config.has(field)) return layers > 10 && i < 10 ? 0.95 : 0
    return Array.isArray(given) ? config.numbers(field, layers)[i]! : config.number(field)
  }
  return (i) => {
    const share = shares(i)
    if (share < 0 || share >= 1) {
      throw malformedConfig(
        `${config.nameOf(field)} in ${config.where} is ${shown(given)}, not shares from 0 to below 1.`,
      )
    }
    return share === 0 ? null : normalQuantile(share)
  }
}
