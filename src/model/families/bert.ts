import { type EncoderTraits, encoder } from './encoder'
import type { Family } from './family'

/** BERT (Devlin et al. 2018, arXiv:1810.04805). GGUF files call RoBERTa so too, whose positions they have cut to those used. */
export const bert: Family = {
  modelTypes: ['bert'],
  gguf: ['bert'],
  describe: (config, has) =>
    encoder(config, has, {
      prefix: 'bert.',
      scoring:
        config.container === 'gguf'
          ? [
              ['cls', 'tanh'],
              ['cls.output', 'none'],
            ]
          : [
              ['bert.pooler.dense', 'tanh'],
              ['classifier', 'none'],
            ],
    }),
}

const robertaScoring: EncoderTraits['scoring'] = [
  ['classifier.dense', 'tanh'],
  ['classifier.out_proj', 'none'],
]

/** RoBERTa and XLM-R (Liu et al. 2019, arXiv:1907.11692): positions are counted from behind the id that pads. */
export const roberta: Family = {
  modelTypes: ['roberta', 'xlm-roberta', 'camembert'],
  gguf: [],
  describe: (config, has) =>
    encoder(config, has, {
      prefix: 'roberta.',
      positionOffset: config.index('pad_token_id', 1) + 1,
      scoring: robertaScoring,
    }),
}

/** DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT without token types, under other names. */
export const distilbert: Family = {
  modelTypes: ['distilbert'],
  gguf: [],
  describe: (config, has) =>
    encoder(config, has, {
      prefix: 'distilbert.',
      names: {
        layers: 'transformer.layer.',
        qkv: ['attention.q_lin', 'attention.k_lin', 'attention.v_lin'],
        attentionOutput: 'attention.out_lin',
        attentionNorm: 'sa_layer_norm',
        up: 'ffn.lin1',
        down: 'ffn.lin2',
        outputNorm: 'output_layer_norm',
      },
      scoring: [
        ['pre_classifier', 'relu'],
        ['classifier', 'none'],
      ],
    }),
}

/** MPNet (Song et al. 2020, arXiv:2004.09297): one bias by distance for the scores of all layers. */
export const mpnet: Family = {
  modelTypes: ['mpnet'],
  gguf: [],
  describe: (config, has) =>
    encoder(config, has, {
      prefix: 'mpnet.',
      positionOffset: config.index('pad_token_id', 1) + 1,
      positionBias: 'encoder.relative_attention_bias',
      names: {
        qkv: ['attention.attn.q', 'attention.attn.k', 'attention.attn.v'],
        attentionOutput: 'attention.attn.o',
        attentionNorm: 'attention.LayerNorm',
      },
      scoring: robertaScoring,
    }),
}

/** Nomic's BERT (Nussbaum et al. 2024, arXiv:2402.01613): RoPE, and a gated feed-forward part without biases. */
export const nomicBert: Family = {
  modelTypes: ['nomic_bert'],
  gguf: [],
  describe: (config, has) =>
    encoder(config, has, {
      rotates: true,
      gated: true,
      activation: { kind: 'silu' },
      qkvBias: config.flag('qkv_proj_bias', false),
      outputBias: config.flag('qkv_proj_bias', false),
      feedForwardBias: config.flag('mlp_fc1_bias', false),
      names: {
        embeddingNorm: 'emb_ln',
        layers: 'encoder.layers.',
        qkv: ['attn.Wqkv'],
        attentionOutput: 'attn.out_proj',
        attentionNorm: 'norm1',
        gate: 'mlp.fc12',
        up: 'mlp.fc11',
        down: 'mlp.fc2',
        outputNorm: 'norm2',
      },
    }),
}
