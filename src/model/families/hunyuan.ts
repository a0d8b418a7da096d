import { decoder } from './decoder'
import type { Family } from './family'

/** Hunyuan's dense models (Tencent 2025): heads are normalized after they have turned. */
export const hunyuan: Family = {
  modelTypes: ['hunyuan_v1_dense'],
  gguf: [],
  describe: (config, has) =>
    decoder(config, has, {
      names: { queryNorm: 'self_attn.query_layernorm', keyNorm: 'self_attn.key_layernorm' },
      headNorm: { over: 'head', afterRope: true },
    }),
}
