import type { DroppedVariant, VariantDiagnostics } from '../util/diagnostics'
import type { Invariance } from '../util/invariance'
import type { KvFormat } from '../util/kv-format'
import type { Precision } from '../util/precision'

/** What was loaded, onto what, and how it runs. */
export interface EngineInfo {
  readonly model: {
    readonly reference: string
    readonly repo: string | null
    /** Commit on the Hub; null for a URL or a File. */
    readonly revision: string | null
    /** Path of the file that was chosen: of a model in several files, the first GGUF part, or the index. */
    readonly file: string
    /** As the file says it: `llama`, `qwen2`, … */
    readonly architecture: string
    /** The name that the file gives itself. */
    readonly name: string | null
    /** How many tensors the model has of each type: `{ Q8_0: 211, F32: 61 }`. */
    readonly tensorTypes: Readonly<Record<string, number>>
    readonly parameters: number
    readonly bytes: number
    /** Tokens of one conversation, prompt and answer. */
    readonly contextLength: number
  }
  readonly device: {
    readonly vendor: string
    readonly architecture: string
    readonly device: string
    readonly description: string
    readonly isFallbackAdapter: boolean
    readonly features: readonly string[]
    /** Extensions of WGSL that the browser knows. */
    readonly wgslFeatures: readonly string[]
    /** Lanes of the smallest subgroup; null where the browser does not say. */
    readonly subgroupMinSize: number | null
    readonly maxBufferBytes: number
    readonly maxBindingBytes: number
  }
  /** What was chosen for this device, of the forms that each kernel has. */
  readonly variants: Readonly<Record<string, string>>
  /** How the choice came about: `engine.diagnostics()` says more. */
  readonly variantsFrom: VariantDiagnostics['from']
  /** Of a model that reads whole texts and writes none; null: it writes. */
  readonly encoder: EncoderInfo | null
  /** Whether a request’s numbers depend on nothing but itself, as it was asked for. */
  readonly invariance: Invariance
  /** What products of matrices round their inputs to, as it was asked for. */
  readonly precision: Precision
  /**
   * With `fast`: types of the model’s matrices whose products are exact all the same: those whose weights are no integers, those
   * of experts, and all of them where integers are no faster (SwiftShader). Empty with `exact`.
   */
  readonly exactTypes: readonly string[]
  /** What was tried before that and computed wrongly on this device. Empty on a device that works. */
  readonly droppedVariants: readonly DroppedVariant[]
  readonly kvCache: {
    readonly format: KvFormat
    /** Tokens a block holds. */
    readonly blockSize: number
    readonly blocks: number
    /** Tokens that the cache holds, over all sequences. */
    readonly maxTokens: number
    readonly bytes: number
  }
  /** `on`, or why what was computed for one prompt serves no other and cannot be saved, in words. */
  readonly prefixCache: string
  /** Bytes of all buffers on the GPU. */
  readonly gpuBytes: number
  /** The most that there were during the load. */
  readonly peakGpuBytes: number
}

/** What a model does with the texts that it reads. */
export interface EncoderInfo {
  /** It makes a vector of a text, or scores a pair of them, as rerankers do. */
  readonly task: 'embed' | 'score'
  /** Of a vector; of a model that scores, its labels. */
  readonly dimensions: number
  /** How a text's vectors become one; null where they are scored. */
  readonly pooling: string | null
  /** Tokens of one text, those that the model's file adds among them. */
  readonly maxTokens: number
  /** Names of what the repo has to be put before a text: `prompt_name`. */
  readonly prompts: readonly string[]
}
