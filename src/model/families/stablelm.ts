import { decoder } from './decoder'
import type { Family } from './family'

/** StableLM 2 (arXiv:2402.17834): LayerNorm, a quarter of each head turns; the largest side by side, with head norms. */
export const stablelm: Family = {
  modelTypes: ['stablelm'],
  gguf: [],
  describe: (config, has) => {
    const parallel = config.flag('use_parallel_residual', false)
    const normed = config.flag('qk_layernorm', false)
    const each = (name: string, count: number) =>
      Array.from({ length: count }, (_, head) => `${name}.norms.${head}`)
    return decoder(config, has, {
      norm: { kind: 'layer', bias: true },
      parallel: parallel ? 'one norm' : null,
      qkvBias: config.flag('use_qkv_bias', false),
      rope: { partial: 0.25 },
      attention: (standard, { stem, epsilon }) => ({
        ...standard,
        headNorm: normed
          ? {
              kind: 'layer',
              epsilon,
              over: 'heads',
              query: each(stem('self_attn.q_layernorm'), standard.heads),
              key: each(stem('self_attn.k_layernorm'), standard.kvHeads),
              plusOne: false,
              afterRope: false,
            }
          : null,
      }),
    })
  },
}
