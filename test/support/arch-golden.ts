import type { JsonObject } from '../../src/util/model-file'

/** One line of test/golden/arch/index.json. */
export interface ArchCase {
  readonly name: string
  readonly kind: 'causal' | 'encoder' | 'classify'
  readonly model_type: string
  readonly dtype: 'f32' | 'f16' | 'bf16'
}

/** `golden.json` of a decoder, see test/golden/arch/README.md. */
export interface CausalGolden {
  /** Standard deviation of the logits. */
  readonly logit_std: number
  readonly sequences: readonly {
    readonly input_ids: readonly number[]
    readonly last_logits: readonly number[]
    readonly all_logits?: readonly (readonly number[])[]
    readonly greedy: readonly number[]
  }[]
}

/** Tokens up to which LongRoPE has its short factors: such a model is loaded with a context to match. */
export function shortContext(config: JsonObject): number | null {
  const rope = config.rope_parameters as JsonObject | undefined
  return rope?.rope_type === 'longrope' ? (rope.original_max_position_embeddings as number) : null
}
