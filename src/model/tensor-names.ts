import type { ModelHeader } from '../util/model-file'

/** What a file calls the tensors of a layer and of the model, without `.weight`. */
export interface TensorNames {
  readonly layerPrefix: string
  readonly embedding: string
  readonly output: string
  readonly outputNorm: string
  readonly ropeFactors: string
  readonly attentionNorm: string
  readonly query: string
  readonly key: string
  readonly value: string
  readonly attentionOutput: string
  readonly mlpNorm: string
  readonly gate: string
  readonly up: string
  readonly down: string
}

const gguf: TensorNames = {
  layerPrefix: 'blk.',
  embedding: 'token_embd',
  output: 'output',
  outputNorm: 'output_norm',
  ropeFactors: 'rope_freqs',
  attentionNorm: 'attn_norm',
  query: 'attn_q',
  key: 'attn_k',
  value: 'attn_v',
  attentionOutput: 'attn_output',
  mlpNorm: 'ffn_norm',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
}

/** As transformers names them. */
const safetensors: TensorNames = {
  layerPrefix: 'model.layers.',
  embedding: 'model.embed_tokens',
  output: 'lm_head',
  outputNorm: 'model.norm',
  ropeFactors: 'rope_freqs',
  attentionNorm: 'input_layernorm',
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  attentionOutput: 'self_attn.o_proj',
  mlpNorm: 'post_attention_layernorm',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
}

export function tensorNames(header: Pick<ModelHeader, 'kind'>): TensorNames {
  return header.kind === 'gguf' ? gguf : safetensors
}
