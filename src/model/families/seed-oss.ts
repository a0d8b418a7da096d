import { decoder } from './decoder'
import type { Family } from './family'

/** Seed-OSS (ByteDance 2025): llama with biases on Q, K and V. */
export const seedOss: Family = {
  modelTypes: ['seed_oss'],
  gguf: [],
  describe: (config, has) => decoder(config, has, { outputBias: config.flag('attention_out_bias', false) }),
}
