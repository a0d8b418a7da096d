import type { JsonObject } from '../../util/model-file'
import type { ConfigReader } from '../config-reader'
import { allButEvery, type DecoderTraits, decoder } from './decoder'
import type { Family } from './family'

/** The file has norms' weights less one; embeddings are scaled; GELU is the tanh form, whatever old configs call it. */
function common(config: ConfigReader): DecoderTraits {
  return {
    norm: { plusOne: true },
    embeddingScale: Math.sqrt(config.count('hidden_size')),
    activation: { kind: 'gelu-tanh' },
  }
}

export const namesAround = {
  attentionOutNorm: 'post_attention_layernorm',
  feedForwardNorm: 'pre_feedforward_layernorm',
  feedForwardOutNorm: 'post_feedforward_layernorm',
}

/** Layers of the models of 27B, Gemma 2 and Gemma 3. */
const largest: readonly number[] = [46, 62]

/**
 * Scores are scaled by a number of their own. GGUF files do not have it: it is the head's, but in the models of 27B, which llama.cpp
 * tells by their layers, that of an equal share of the width.
 */
function scale(config: ConfigReader): number | undefined {
  if (config.has('query_pre_attn_scalar')) return 1 / Math.sqrt(config.positive('query_pre_attn_scalar'))
  if (config.container !== 'gguf' || !largest.includes(config.count('num_hidden_layers'))) return undefined
  return 1 / Math.sqrt(config.count('hidden_size') / config.count('num_attention_heads'))
}

/** Gemma 1 (arXiv:2403.08295). */
export const gemma: Family = {
  modelTypes: ['gemma'],
  gguf: ['gemma'],
  describe: (config, has) => decoder(config, has, common(config)),
}

/** Gemma 2 (arXiv:2408.00118): norms around each part, soft caps, every other layer sees a window. */
export const gemma2: Family = {
  modelTypes: ['gemma2'],
  gguf: ['gemma2'],
  describe: (config, has) =>
    decoder(config, has, {
      ...common(config),
      norms: 'both',
      names: namesAround,
      scale: scale(config),
      softCap: config.some('attn_logit_softcapping'),
      logits: { softCap: config.some('final_logit_softcapping') },
      slides: (i) => i % 2 === 0,
    }),
}

/** EmbeddingGemma's config says how many tokens see one another in all: half of them are on either side. */
function seesBothWays(config: ConfigReader): ConfigReader {
  const window = config.some('sliding_window')
  if (window === null) return config
  return config.with({ sliding_window: Math.floor(window / 2) })
}

/** What transformers takes where a config of Gemma 3 does not say it; that of a model that sees says little of its text model. */
const gemma3Defaults: JsonObject = {
  head_dim: 256,
  hidden_size: 2304,
  intermediate_size: 9216,
  max_position_embeddings: 131072,
  num_attention_heads: 8,
  num_hidden_layers: 26,
  num_key_value_heads: 4,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  sliding_window: 4096,
}

/**
 * Gemma 3 (arXiv:2503.19786): heads are normalized, and layers with a window turn at a base of their own. EmbeddingGemma
 * (arXiv:2509.20354) is one that sees both ways.
 */
export const gemma3: Family = {
  modelTypes: ['gemma3_text'],
  gguf: ['gemma3'],
  describe: (read, has) => {
    const given = read.container === 'gguf' ? read : read.with({ ...gemma3Defaults, ...read.json })
    const bothWays = given.flag('use_bidirectional_attention', false)
    const config = bothWays ? seesBothWays(given) : given
    return decoder(config, has, {
      ...common(config),
      norms: 'both',
      names: namesAround,
      attention: (standard) => (bothWays ? { ...standard, causal: false } : standard),
      headNorm: { over: 'head' },
      scale: scale(config),
      softCap: config.some('attn_logit_softcapping'),
      logits: { softCap: config.some('final_logit_softcapping') },
      slides: allButEvery(config, 6),
      rope: { base: 1e6, slidingBase: 1e4, slidingIsPlain: true },
    })
  },
}
