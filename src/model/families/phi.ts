import { decoder } from './decoder'
import type { Family } from './family'

/** Phi 1, 1.5 and 2 (arXiv:2309.05463): LayerNorm, biases everywhere, both parts of a layer side by side. */
export const phi: Family = {
  modelTypes: ['phi'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, {
      names: {
        outputNorm: 'final_layernorm',
        attentionOutput: 'self_attn.dense',
        up: 'mlp.fc1',
        down: 'mlp.fc2',
      },
      norm: { kind: 'layer', bias: true },
      parallel: 'one norm',
      qkvBias: true,
      outputBias: true,
      feedForwardBias: true,
      gated: false,
      rope: { partial: 0.5 },
      logits: { bias: true },
    }),
}

/** Phi 3, 3.5 and 4 (arXiv:2404.14219): llama with Q, K and V in one tensor, and LongRoPE. */
export const phi3: Family = {
  modelTypes: ['phi3'],
  gguf: [],
  describe: (config, has) => decoder(config, has),
}
