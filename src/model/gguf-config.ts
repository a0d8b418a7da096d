import type { Metadata } from '../util/metadata'
import type { Json } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { ConfigReader } from './config-reader'

/** What transformers calls the fields of GGUF's metadata (keys as in the GGUF specification, without the architecture). */
const fields: readonly (readonly [field: string, key: string])[] = [
  ['num_hidden_layers', 'block_count'],
  ['hidden_size', 'embedding_length'],
  ['intermediate_size', 'feed_forward_length'],
  ['num_attention_heads', 'attention.head_count'],
  ['num_key_value_heads', 'attention.head_count_kv'],
  ['head_dim', 'attention.key_length'],
  ['v_head_dim', 'attention.value_length'],
  ['rms_norm_eps', 'attention.layer_norm_rms_epsilon'],
  ['layer_norm_eps', 'attention.layer_norm_epsilon'],
  ['max_position_embeddings', 'context_length'],
  ['rope_theta', 'rope.freq_base'],
  ['rope_local_base_freq', 'rope.freq_base_swa'],
  ['rotary_dim', 'rope.dimension_count'],
  ['sliding_window', 'attention.sliding_window'],
  ['sliding_window_pattern', 'attention.sliding_window_pattern'],
  ['attention_multiplier', 'attention.scale'],
  ['attn_logit_softcapping', 'attn_logit_softcapping'],
  ['final_logit_softcapping', 'final_logit_softcapping'],
  ['logit_scale', 'logit_scale'],
  ['residual_multiplier', 'residual_scale'],
  ['embedding_multiplier', 'embedding_scale'],
  ['num_experts', 'expert_count'],
  ['num_experts_per_tok', 'expert_used_count'],
  ['moe_intermediate_size', 'expert_feed_forward_length'],
  ['shared_expert_intermediate_size', 'expert_shared_feed_forward_length'],
  ['use_parallel_residual', 'use_parallel_residual'],
  ['is_causal', 'attention.causal'],
]

/** Of encoders: the tokenizer's key has no architecture before it. */
const typeCount = 'tokenizer.ggml.token_type_count'

const scalingFields: readonly (readonly [field: string, key: string])[] = [
  ['rope_type', 'rope.scaling.type'],
  ['factor', 'rope.scaling.factor'],
  ['original_max_position_embeddings', 'rope.scaling.original_context_length'],
  ['attention_factor', 'rope.scaling.attn_factor'],
]

/**
 * Brings a GGUF file's metadata into the form of a config.json, so that a family reads either. Errors name the keys as
 * the file has them.
 *
 * @throws OctavoError 'malformed-file'
 */
export function ggufConfig(metadata: Metadata): { architecture: string; name: string; config: ConfigReader } {
  const architecture = metadata.get('general.architecture')
  if (architecture === undefined)
    throw malformed('general.architecture is missing: this is not a model file.')
  if (typeof architecture !== 'string') throw malformed('general.architecture must be a string.')
  const value = (key: string): Json | undefined => plain(metadata, `${architecture}.${key}`)
  const read = (names: typeof fields) =>
    Object.fromEntries(
      names.map(([field, key]) => [field, value(key)]).filter(([, each]) => each !== undefined),
    )
  const scaling = readScaling(read(scalingFields), value('rope.scale_linear'))
  const keys = new Map([...fields, ...scalingFields])
  const types = plain(metadata, typeCount)
  const config = new ConfigReader(
    {
      ...read(fields),
      ...(types === undefined ? {} : { type_vocab_size: types }),
      ...('rope_type' in scaling ? { rope_scaling: scaling } : {}),
    },
    "the file's metadata",
    'gguf',
    (field) => (field === 'type_vocab_size' ? typeCount : `${architecture}.${keys.get(field) ?? field}`),
  )
  const title = metadata.get('general.name') ?? metadata.get('general.basename')
  return { architecture, name: typeof title === 'string' && title !== '' ? title : architecture, config }
}

/** Without a type it is linear, as llama.cpp reads it, and so is the older key. */
function readScaling(scaling: Record<string, Json | undefined>, scaleLinear: Json | undefined) {
  const factor = scaling.factor ?? scaleLinear
  const isScaled =
    scaling.rope_type !== undefined || (typeof factor === 'number' && factor !== 0 && factor !== 1)
  return isScaled ? { ...scaling, rope_type: scaling.rope_type ?? 'linear', factor } : {}
}

/** An array whose values agree is one value; one whose values do not is a list. */
function plain(metadata: Metadata, key: string): Json | undefined {
  const value = metadata.get(key)
  if (typeof value === 'bigint') throw malformed(`${key} is ${value}, which is too large.`)
  if (typeof value !== 'object') return value
  const list = Array.from(value as ArrayLike<unknown>, (each) => each as Json)
  return list.length > 0 && list.every((each) => each === list[0]) ? list[0] : list
}

function malformed(message: string): OctavoError {
  return new OctavoError(
    'malformed-file',
    message,
    'Download the file again, or choose another conversion of the model.',
  )
}
