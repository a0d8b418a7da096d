import { decoder } from './decoder'
import type { Family } from './family'

/** Apertus (arXiv:2509.14233): head norms, and a plain feed-forward part whose activation, xIELU, learns two numbers. */
export const apertus: Family = {
  modelTypes: ['apertus'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, {
      names: { attentionNorm: 'attention_layernorm', feedForwardNorm: 'feedforward_layernorm' },
      headNorm: { over: 'head' },
      gated: false,
      activation: ({ stem }) => ({
        kind: 'xielu',
        positive: stem('mlp.act_fn.alpha_p'),
        negative: stem('mlp.act_fn.alpha_n'),
        beta: stem('mlp.act_fn.beta'),
        epsilon: stem('mlp.act_fn.eps'),
      }),
    }),
}
