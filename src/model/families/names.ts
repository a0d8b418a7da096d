import type { Container } from '../config-reader'

/** What a file calls the tensors of a decoder, without `.weight` and `.bias`; those of a layer without its prefix. */
export interface Names {
  readonly embedding: string
  /** Learned positions. */
  readonly positions: string
  readonly output: string
  readonly outputNorm: string
  /** Of layer i: this, i and a dot. */
  readonly layers: string
  readonly attentionNorm: string
  readonly query: string
  readonly key: string
  readonly value: string
  /** Where Q, K and V are one tensor. */
  readonly qkv: string
  readonly attentionOutput: string
  readonly queryNorm: string
  readonly keyNorm: string
  /** Of what attention gives, before it is added. */
  readonly attentionOutNorm: string
  readonly feedForwardNorm: string
  readonly gate: string
  readonly up: string
  /** Where gate and up are one tensor. */
  readonly gateUp: string
  readonly down: string
  readonly feedForwardOutNorm: string
}

const gguf: Names = {
  embedding: 'token_embd',
  positions: 'position_embd',
  output: 'output',
  outputNorm: 'output_norm',
  layers: 'blk.',
  attentionNorm: 'attn_norm',
  query: 'attn_q',
  key: 'attn_k',
  value: 'attn_v',
  qkv: 'attn_qkv',
  attentionOutput: 'attn_output',
  queryNorm: 'attn_q_norm',
  keyNorm: 'attn_k_norm',
  attentionOutNorm: 'post_attention_norm',
  feedForwardNorm: 'ffn_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  gateUp: 'ffn_up',
  down: 'ffn_down',
  feedForwardOutNorm: 'post_ffw_norm',
}

/** As most of transformers' decoders name them, after the model's prefix. */
const transformers: Names = {
  embedding: 'embed_tokens',
  positions: 'embed_positions',
  output: 'lm_head',
  outputNorm: 'norm',
  layers: 'layers.',
  attentionNorm: 'input_layernorm',
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  qkv: 'self_attn.qkv_proj',
  attentionOutput: 'self_attn.o_proj',
  queryNorm: 'self_attn.q_norm',
  keyNorm: 'self_attn.k_norm',
  attentionOutNorm: 'post_attention_layernorm',
  feedForwardNorm: 'post_attention_layernorm',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  gateUp: 'mlp.gate_up_proj',
  down: 'mlp.down_proj',
  feedForwardOutNorm: 'post_feedforward_layernorm',
}

/**
 * The names in a file of that kind; `own` are those that the family's safetensors repos have instead. `prefix` stands
 * before all names but the output's (`model.`; repos of a bare model have none).
 */
export function namesOf(container: Container, own: Partial<Names> = {}, prefix = 'model.'): Names {
  if (container === 'gguf') return gguf
  const names = { ...transformers, ...own }
  const { embedding, positions, outputNorm, layers } = names
  return {
    ...names,
    embedding: prefix + embedding,
    positions: prefix + positions,
    outputNorm: prefix + outputNorm,
    layers: prefix + layers,
  }
}
