import type { ErrorCode } from '../util/octavo-error'

/** What a model is and what it asks of this device, known before its weights are fetched. Texts are the uploader's. */
export interface ModelInspection {
  readonly model: {
    readonly reference: string
    readonly repo: string | null
    /** Commit on the Hub; null for a URL or a File. */
    readonly revision: string | null
    /** As the file says it: `llama`, `qwen2`, … */
    readonly architecture: string
    /** The name that the file gives itself. */
    readonly name: string | null
    readonly parameters: number
    /** As the file's name or its largest tensors say it: `Q4_K_M`, `F16`. */
    readonly quantization: string
    /** Tokens that the model was trained for; null where the file does not say. */
    readonly contextLength: number | null
    /** As the Hub or the file says it: `apache-2.0`. */
    readonly licence: string | null
  }
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  /** Bytes of all files. */
  readonly downloadBytes: number
  readonly features: {
    /** It writes, and has a chat template. */
    readonly chat: boolean
    /** Its chat template takes tools. */
    readonly tools: boolean
    /** Its chat template knows of thinking before an answer. */
    readonly reasoning: boolean
    /** It turns texts into vectors and writes none. */
    readonly embeddings: boolean
    /** It scores texts by a query and writes none. */
    readonly rerank: boolean
  }
  /** What it takes on the GPU with the options given; null where Octavo cannot run such a model. */
  readonly gpu: {
    /** Weights, KV cache and buffers for the computation. */
    readonly bytes: number
    readonly weightBytes: number
    readonly kvCacheBytes: number
    /** Tokens of one conversation, prompt and answer. */
    readonly contextTokens: number
  } | null
  /** Whether nothing is known that keeps this device from running it. */
  readonly fits: boolean
  /** What keeps it from that, each with what to do about it. */
  readonly reasons: readonly InspectionReason[]
  /** The quantizations of the repo, this one included, the smallest first. Empty for a URL or a File. */
  readonly quantizations: readonly QuantizationChoice[]
}

/** Why a model is not expected to run here, as the OctavoError of its load would say it. */
export interface InspectionReason {
  readonly code: ErrorCode
  readonly message: string
  readonly remedy: string
}

/** One quantization of a repo. */
export interface QuantizationChoice {
  /** What `createEngine` takes to get it. */
  readonly reference: string
  readonly name: string
  readonly files: number
  readonly bytes: number
  /** Estimated from the file's size; null where that of the inspected model is not known. */
  readonly gpuBytes: number | null
  /** Whether it can be expected to run on this device. */
  readonly fits: boolean
}
