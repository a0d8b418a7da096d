import { decoder } from './decoder'
import type { Family } from './family'
import { latentTraits } from './latent'

/** MiniCPM 3 (OpenBMB 2024, arXiv:2404.06395): latent attention, and three scales. */
export const minicpm3: Family = {
  modelTypes: ['minicpm3'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, {
      ...latentTraits(config),
      embeddingScale: config.positive('scale_emb', 1),
      residualScale: config.positive('scale_depth', 1) / Math.sqrt(config.count('num_hidden_layers')),
      logits: { scale: config.count('dim_model_base', 1) / config.count('hidden_size') },
    }),
}
