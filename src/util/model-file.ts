import type { Metadata } from './metadata'

/** One tensor of a model file. */
export interface TensorInfo {
  readonly name: string
  /** As GGUF or safetensors name it: F32, F16, BF16, Q4_K, I32, F8_E4M3, … */
  readonly type: string
  /** In GGUF's order: the first is the length of a row, [columns, rows, …]. safetensors says it the other way round. */
  readonly dims: readonly number[]
  /** Of the first byte, where the model's files are laid end to end. */
  readonly offset: number
  readonly bytes: number
}

interface Tensors {
  readonly tensors: readonly TensorInfo[]
  /** Size of all the model's files. */
  readonly fileBytes: number
}

export interface GgufHeader extends Tensors {
  readonly kind: 'gguf'
  readonly metadata: Metadata
}

/** A safetensors model: tensors with bare types; what they mean is in the repo's other files. */
export interface SafetensorsHeader extends Tensors {
  readonly kind: 'safetensors'
  readonly texts: RepoTexts
}

/** What a model says of itself before any weight is read. */
export type ModelHeader = GgufHeader | SafetensorsHeader

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

/** The small files of a repo beside its weights, parsed; null where it has none. Untrusted. */
export interface RepoTexts {
  readonly config: JsonObject
  /** tokenizer.json */
  readonly tokenizer: JsonObject | null
  /** tokenizer_config.json */
  readonly tokenizerConfig: JsonObject | null
  /** generation_config.json */
  readonly generationConfig: JsonObject | null
  /** chat_template.jinja, or the template of chat_template.json */
  readonly chatTemplate: string | null
  readonly sentenceTransformers: SentenceTransformersTexts
}

/** What sentence-transformers keeps beside a model that turns texts into vectors. */
export interface SentenceTransformersTexts {
  /** modules.json */
  readonly modules: readonly RepoModule[] | null
  /** sentence_bert_config.json */
  readonly settings: JsonObject | null
  /** config_sentence_transformers.json */
  readonly config: JsonObject | null
}

/** A step of turning texts into vectors; the tensors of one that has weights are named `PATH/…`. */
export interface RepoModule {
  /** The class: `sentence_transformers.models.Pooling`. */
  readonly type: string
  /** The folder that it has in the repo; '' for the model itself. */
  readonly path: string
  /** Its config.json. */
  readonly config: JsonObject | null
}

/**
 * Takes the bytes of a model's files, laid end to end, as they arrive: consecutive pieces of any length, in any order,
 * each byte once.
 * `bytes` may be reused by the caller once the promise resolves.
 */
export interface WeightSink {
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>
}
