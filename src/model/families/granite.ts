import { type ConfigReader, malformedConfig } from '../config-reader'
import type { FeedForwardDescription } from '../description'
import { type DecoderTraits, decoder, type LayerTools } from './decoder'
import { expertsField, readExperts } from './experts'
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

/** Experts, a part that all tokens go through, or both. */
export function graniteFeedForward(
  config: ConfigReader,
): (tools: LayerTools) => readonly FeedForwardDescription[] {
  const experts = config.index(expertsField(config), 0)
  const shared = config.index('shared_intermediate_size', 0)
  if (experts + shared === 0)
    throw malformedConfig(`${config.where} has neither num_local_experts nor shared_intermediate_size.`)
  const names = {
    router: 'block_sparse_moe.router.layer',
    gateUp: 'block_sparse_moe.input_linear',
    down: 'block_sparse_moe.output_linear',
  }
  const beside = {
    intermediate: shared,
    gateUp: 'shared_mlp.input_linear',
    down: 'shared_mlp.output_linear',
  }
  return (tools) => [
    ...(experts > 0 ? [readExperts(config, tools, { names, renormalizeEps: 0 })] : []),
    ...(shared > 0 ? [tools.dense(beside)] : []),
  ]
}

/** Granite 3 (IBM 2024): llama with scales. */
export const granite: Family = {
  modelTypes: ['granite'],
  gguf: [],
  describe: (config, has) => decoder(config, has, graniteScales(config)),
}

/** Granite 3 with experts. */
export const graniteMoe: Family = {
  modelTypes: ['granitemoe', 'granitemoeshared'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, { ...graniteScales(config), feedForward: graniteFeedForward(config) }),
}
