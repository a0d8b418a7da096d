import type { ConfigReader } from '../config-reader'
import { type DecoderTraits, decoder } from './decoder'
import type { Family } from './family'

/** Four numbers that Granite's models are scaled by. */
export function graniteScales(config: ConfigReader): DecoderTraits {
  return {
    embeddingScale: config.positive('embedding_multiplier', 1),
    residualScale: config.positive('residual_multiplier', 1),
    scale: config.positive('attention_multiplier', 1),
    logits: { scale: 1 / config.positive('logits_scaling', 1) },
  }
}

/** Granite 3 (IBM 2024): llama with scales. */
export const granite: Family = {
  modelTypes: ['granite'],
  gguf: [],
  describe: (config, has) => decoder(config, has, graniteScales(config)),
}
