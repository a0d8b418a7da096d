import { type FloatWeights, floatWeightsKinds } from '../util/float-weights'
import { type Invariance, invariances } from '../util/invariance'
import { type KvFormat, kvFormats } from '../util/kv-format'
import { OctavoError } from '../util/octavo-error'
import { type Precision, precisions } from '../util/precision'
import { type Tune, tunings } from '../util/tune'
import type { LoadProgress, LoadRequest, RecoveryProgress } from '../worker/protocol'
import { required } from './generation-settings'
import {
  built,
  checkFields,
  type Fields,
  filledString,
  having,
  integer,
  isPlainObject,
  oneOf,
  type Rule,
  wrongValue,
} from './rules'

/** What `createEngine` takes. */
export interface EngineOptions {
  /**
   * Which model: `owner/name`, `owner/name:Q4_K_M` (a quantization), `owner/name@revision`, the URL of a `.gguf` or
   * `.safetensors` file, or files that the user picked: a `.gguf`, or all that a model in several files consists of.
   */
  model: string | File | readonly File[]
  /** How the Hugging Face Hub is reached. */
  hub?: {
    /** Base URL of the Hub or of a mirror. Default `https://huggingface.co`. */
    endpoint?: string
    /** Access token for gated or private repos. It is sent to the endpoint only. */
    token?: string | null
  }
  /** Called as the load goes on, last with the phase `ready`. */
  onProgress?: (progress: LoadProgress) => void
  /**
   * Called when the browser has taken the GPU away: the model is loaded again (from this device where it is stored), requests wait,
   * and at `ready` they go on where they were; at `failed` they end with 'device-lost'.
   */
  onRecovery?: (progress: RecoveryProgress) => void
  /** Aborting it ends the load; createEngine throws 'aborted'. What was downloaded stays on the device. */
  signal?: AbortSignal
  /**
   * What is done with the matrices of a safetensors repo that are floats. `int4` quantizes those of layers to four bits
   * and the embedding and the output to eight while they load; `f16` keeps 16 bits (F32 is rounded), `exact` what the
   * file has. Default `int4`; `f16` for models that read whole texts (embeddings, rerankers); `exact` in repos that are
   * quantized already. GGUF files always stay as they are.
   */
  floatWeights?: FloatWeights
  kvCache?: {
    /**
     * How keys and values are stored. Default `f16`. `f32` takes twice the memory and is exact; `int8` takes about half
     * and `int4` about a quarter, for contexts twice and four times as long in the same memory.
     */
    format?: KvFormat
    /**
     * Tokens that the cache holds, over all requests. Default: what the model's context and the GPU allow. Of a model that
     * reads whole texts, tokens of one text at most; default 8192, or less where it was trained for less.
     */
    maxTokens?: number | null
  }
  conversations?: {
    /**
     * Bytes that saved conversations may take on this device, all together; those that were not used for longest give
     * way. 0: none is saved. Default 512 MiB.
     */
    maxBytes?: number
  }
  /**
   * `on`: a request gives the same tokens and the same log-probability bits alone, among others, after a preemption, with
   * or without a prefix hit. `off`: kernels may be chosen that sum in other orders, or that round activations to
   * f16 where many tokens are computed at once, the GPU has f16 and the cache is not `f32`. How a prompt was cut, and what runs beside it,
   * may change numbers by that rounding then. Default `on`.
   */
  invariance?: Invariance
  /**
   * How kernels' variants are chosen. `cached`: as they were timed on this GPU, browser and model shape before; the first load
   * times them, for about a second. `full`: they are timed anew. `off`: what such GPUs are known to like, without timing.
   * None of them changes a bit of an answer. Default `cached`.
   */
  tune?: Tune
  /**
   * `exact`: products of matrices round none of their inputs below 16 bits. `fast`: they round activations to 8 bits, with a
   * scale for each 32, for every tensor type whose weights are integers too, where that is faster (`engine.info.exactTypes` lists those of
   * the model that stay exact). That is what llama.cpp does on CPUs; README has what it costs and gains. Default `exact`.
   */
  precision?: Precision
  /** Requests that run at once, 1 … 64; more wait for their turn. Default 8. */
  maxSequences?: number
  /** Requests that may wait for their turn; one more is refused with 'queue-full'. Default 256. */
  maxWaiting?: number
  /** Tokens that one step computes at most, 16 … 8192. Default 256. */
  tokenBudget?: number
  /**
   * Run on this WebGPU implementation, in this thread, instead of in a Web Worker: in Node that of the package
   * `webgpu`.
   */
  gpu?: GPU
}

const modelRule: Rule = {
  expected: 'a reference such as "owner/name:Q4_K_M", a URL, a File, or a list of Files',
  accepts: (value) => filledString.accepts(value) || isFiles(Array.isArray(value) ? value : [value]),
}

const optionFields = {
  model: built(modelRule),
  hub: built(objectRule()),
  onProgress: built(having('call', 'a function')),
  onRecovery: built(having('call', 'a function')),
  signal: built(having('addEventListener', 'an AbortSignal')),
  floatWeights: built(oneOf(...floatWeightsKinds)),
  kvCache: built(objectRule()),
  conversations: built(objectRule()),
  invariance: built(oneOf(...invariances)),
  tune: built(oneOf(...tunings)),
  precision: built(oneOf(...precisions)),
  maxSequences: built(integer(1, 64)),
  maxWaiting: built(integer(0)),
  tokenBudget: built(integer(16, 8192)),
  gpu: built(having('requestAdapter', 'a GPU object, as navigator.gpu')),
} satisfies Record<keyof EngineOptions, unknown> & Fields

const hubFields = {
  endpoint: built({ expected: 'a URL that begins with https:// or http://', accepts: isHttpUrl }),
  token: built(filledString),
} satisfies Fields

const kvCacheFields = {
  format: built(oneOf(...kvFormats)),
  maxTokens: built(integer(1)),
} satisfies Fields

const conversationFields = {
  maxBytes: built(integer(0)),
} satisfies Fields

/**
 * The options as the worker takes them.
 *
 * @throws OctavoError 'invalid-option' that names the option and says what is allowed.
 */
export function loadRequest(options: EngineOptions): LoadRequest {
  if (!isPlainObject(options))
    throw wrongValue('invalid-option', 'The argument', options, 'an object with a model')
  checkFields('invalid-option', '', optionFields, options)
  const { hub, floatWeights, kvCache, conversations, invariance, precision, tune } = options
  const { maxSequences, maxWaiting, tokenBudget } = options
  checkFields('invalid-option', 'hub.', hubFields, hub ?? {})
  checkFields('invalid-option', 'kvCache.', kvCacheFields, kvCache ?? {})
  checkFields('invalid-option', 'conversations.', conversationFields, conversations ?? {})
  return {
    model: wireModel(required('invalid-option', 'model', options.model)),
    hub: {
      endpoint: (hub?.endpoint ?? 'https://huggingface.co').replace(/\/+$/, ''),
      token: hub?.token ?? null,
    },
    floatWeights: floatWeights ?? null,
    kvCache: { format: kvCache?.format ?? 'f16', maxTokens: kvCache?.maxTokens ?? null },
    conversations: { maxBytes: conversations?.maxBytes ?? 512 * 1024 ** 2 },
    invariance: invariance ?? 'on',
    tune: tune ?? 'cached',
    precision: precision ?? 'exact',
    maxSequences: maxSequences ?? 8,
    maxWaiting: maxWaiting ?? 256,
    tokenBudget: tokenBudget ?? 256,
  }
}

function isFiles(values: readonly unknown[]): boolean {
  return values.length > 0 && values.every((value) => value instanceof Blob)
}

/** A file of a folder that was picked or dropped keeps its place in it. */
function wireModel(model: Required<EngineOptions>['model']): LoadRequest['model'] {
  if (typeof model === 'string') return model
  const files = 'length' in model ? model : [model]
  return files.map((file) => ({ name: file.webkitRelativePath || (file.name ?? 'model.gguf'), blob: file }))
}

function objectRule(): Rule {
  return { expected: 'an object', accepts: isPlainObject }
}

function isHttpUrl(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value) && /^https?:/.test(value)
}

/** Where there is neither a worker nor a GPU object. */
export function noWorker(): OctavoError {
  return new OctavoError(
    'no-webgpu',
    'This program has no Web Workers, and no GPU object was given.',
    'In Node, install the package webgpu and give createEngine({ gpu: create([]) }).',
  )
}
