import { decoder } from './decoder'
import type { Family } from './family'
import { labelsOf } from './labels'

/**
 * ModernBERT (Warner et al. 2024, arXiv:2412.13663): a decoder's layers that see both ways, in most of them as far as half
 * of `local_attention`.
 */
export const modernbert: Family = {
  modelTypes: ['modernbert'],
  gguf: [],
  describe: (given, has) => {
    const config = given.with({ sliding_window: Math.floor(given.count('local_attention', 128) / 2) })
    const everyNth = config.count('global_attn_every_n_layers', 3)
    const normBias = config.flag('norm_bias', false)
    const prefix = has('embeddings.tok_embeddings') ? '' : 'model.'
    const body = decoder(config, has, {
      prefix,
      names: {
        embedding: 'embeddings.tok_embeddings',
        outputNorm: 'final_norm',
        attentionNorm: 'attn_norm',
        qkv: 'attn.Wqkv',
        attentionOutput: 'attn.Wo',
        feedForwardNorm: 'mlp_norm',
        gateUp: 'mlp.Wi',
        down: 'mlp.Wo',
      },
      norm: { kind: 'layer', bias: normBias },
      rope: { base: 160000 },
      slides: (i) => i % everyNth !== 0,
      attention: (standard) => ({ ...standard, causal: false }),
      layer: ({ mixer, ...rest }, { i }) => ({
        ...rest,
        // The embedding’s norm is that of the first layer.
        mixer: { ...mixer, norm: i === 0 ? null : mixer.norm },
      }),
    })
    const norm = (stem: string) => ({ ...body.finalNorm!, stem })
    const bias = config.flag('classifier_bias', false)
    return {
      ...body,
      embedding: { ...body.embedding, norm: norm(`${prefix}embeddings.norm`) },
      logits: null,
      beside: /^(?:head\.|decoder\.)/,
      scoring: {
        pooling: config.text('classifier_pooling', 'cls') === 'mean' ? 'mean' : 'cls',
        normalized: false,
        layers: [
          {
            projection: { stem: 'head.dense', rows: body.hidden, bias },
            activation: { kind: 'gelu' },
            norm: norm('head.norm'),
          },
          {
            projection: { stem: 'classifier', rows: labelsOf(config), bias: true },
            activation: { kind: 'none' },
            norm: null,
          },
        ],
      },
    }
  },
}
