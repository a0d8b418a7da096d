/**
 * What crosses between the page and the worker: plain data only. A generation's events come over a port of their
 * own, in order, one message a step; everything else is a call over Comlink.
 */

import type { EngineDiagnostics } from '../util/diagnostics'
import type { FloatWeights } from '../util/float-weights'
import type { Invariance } from '../util/invariance'
import type { KvFormat } from '../util/kv-format'
import type { Precision } from '../util/precision'
import type { EngineProfile } from '../util/profile'
import type { Tune } from '../util/tune'
import type { ModelInspection } from './inspection'
import type { EngineInfo } from './loaded-engine'

export type { EncoderInfo, EngineInfo } from './loaded-engine'

/** What `load` needs to know. */
export interface LoadRequest {
  /** A reference to a model on the Hub, a URL, or files with their names (a cloned `File` loses its name in Node). */
  readonly model: string | readonly { readonly name: string; readonly blob: Blob }[]
  readonly hub: { readonly endpoint: string; readonly token: string | null }
  /** What is done with the floats of a safetensors model; null: what suits the repo. */
  readonly floatWeights: FloatWeights | null
  readonly kvCache: {
    readonly format: KvFormat
    /** Tokens that the cache should hold; null: what the device allows. */
    readonly maxTokens: number | null
  }
  readonly conversations: {
    /** Bytes of all saved conversations on this device; 0: none is saved. */
    readonly maxBytes: number
  }
  readonly invariance: Invariance
  readonly tune: Tune
  readonly precision: Precision
  readonly maxSequences: number
  /** Generations that may wait for their turn, at most. */
  readonly maxWaiting: number
  /** Tokens of one step, at most. */
  readonly tokenBudget: number
}

/** What a load is doing. `ready` is said once, at the end. */
export type LoadPhase = 'resolving' | 'preparing' | 'fetching' | 'warming-up' | 'tuning' | 'ready'

/** How far a load has come; bytes are of the model's weights. */
export interface LoadProgress {
  readonly phase: LoadPhase
  readonly loadedBytes: number
  /** 0 until the model's header has been read. */
  readonly totalBytes: number
  /** Of `loadedBytes`, those that were on this device already. */
  readonly storedBytes: number
}

/** How far a model has come that is loaded again, since the browser took the GPU away. */
export interface RecoveryProgress extends Omit<LoadProgress, 'phase'> {
  /** `ready`: requests go on. `failed`: they end with an error that says why, and so do later ones. */
  readonly phase: LoadPhase | 'failed'
}

/** What the port of `load` takes. */
export interface LoadReport extends RecoveryProgress {
  readonly recovering: boolean
}

/** Counts that a page may show. */
export interface EngineStats {
  readonly runningSequences: number
  readonly waitingSequences: number
  /** KV blocks that hold tokens of a sequence. */
  readonly blocksInUse: number
  readonly blocks: number
  /** Blocks that no sequence holds, kept for prompts that begin with their tokens. */
  readonly cachedBlocks: number
  /** Tokens that were found in the prefix cache and not computed again, since the load. */
  readonly prefixHitTokens: number
  /** Blocks that the prefix cache gave up for other tokens, since the load. */
  readonly prefixEvictions: number
  readonly steps: number
  /** The browser has taken the GPU away; requests wait while the model is loaded again. */
  readonly recovering: boolean
}

/** A conversation whose keys and values lie on this device. */
export interface SavedConversation {
  readonly id: string
  /** The model that computed it, in words. */
  readonly model: string
  /** Of its beginning, in whole blocks. */
  readonly tokens: number
  readonly bytes: number
  /** When it was saved or restored last, in milliseconds since 1970. */
  readonly usedAt: number
}

/** One call about a saved conversation. */
export interface ConversationCall {
  /** The caller's name for the call, to abort it by. */
  readonly id: string
  readonly conversation: string
}

/** Texts, or token ids, of which each becomes a vector. */
export interface EmbeddingCall {
  /** The caller's name for the call, to abort it by. */
  readonly id: string
  readonly inputs: readonly (string | readonly number[])[]
  /** The name of what the repo has to be put before a text; null: the repo's default. */
  readonly promptName: string | null
  /** Dimensions to keep; null: all. */
  readonly dimensions: number | null
  /** Tokens that texts are cut to; −1: what the model takes; null: what is longer is refused. */
  readonly truncateTo: number | null
}

export interface EmbeddingResult {
  /** One for each input. */
  readonly vectors: readonly Float32Array[]
  readonly promptTokens: number
}

/** A query, and documents to be scored by it. */
export interface RerankCall {
  readonly id: string
  readonly query: string
  readonly documents: readonly string[]
  readonly truncateTo: number | null
}

export interface RerankScores {
  /** One for each document, the higher the better. */
  readonly scores: readonly number[]
  readonly promptTokens: number
}

/** A run of random tokens, to be profiled. */
export interface ProfiledRun {
  /** The caller's name for the call, to abort it by. */
  readonly id: string
  /** null: what is usual, as far as the context has room. */
  readonly promptTokens: number | null
  readonly tokens: number | null
}

export interface WireMessage {
  readonly role: string
  readonly content: string
  readonly name?: string
  readonly tool_call_id?: string
}

export type WirePrompt =
  | {
      readonly kind: 'chat'
      readonly messages: readonly WireMessage[]
      readonly addGenerationPrompt: boolean
      readonly continueFinalMessage: boolean
      /** Further variables of the chat template. */
      readonly variables: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'text'; readonly text: string; readonly addBos: boolean }
  | { readonly kind: 'ids'; readonly ids: readonly number[] }

/**
 * One generation. Those of one call that have the same `prompt` object, which structured cloning keeps, are answers to
 * one prompt: it is tokenized and computed once. Fields without a comment are those of the engine's GenerationRequest.
 */
export interface WireGeneration {
  /** The caller's name for it, to abort it by. */
  readonly id: string
  readonly prompt: WirePrompt
  readonly sampler: {
    readonly temperature: number
    readonly topK: number
    readonly topP: number
    readonly minP: number
    readonly seed: number
    readonly repetitionPenalty: number
    readonly presencePenalty: number
    readonly frequencyPenalty: number
    readonly logitBias: readonly (readonly [id: number, bias: number])[]
    readonly allowedIds: readonly number[] | null
  }
  readonly stop: {
    /** Must fit into the context behind the prompt; null: `defaultMaxTokens`, cut where the context ends. */
    readonly maxTokens: number | null
    /** null: until the context's end. */
    readonly defaultMaxTokens: number | null
    readonly minTokens: number
    readonly ignoreEos: boolean
    readonly stopTokenIds: readonly number[]
    readonly stopStrings: readonly string[]
    readonly includeStopString: boolean
  }
  readonly logprobs: number | null
  readonly promptLogprobs: number | null
  readonly skipSpecialTokens: boolean
  readonly priority: number
  /** The conversation that it belongs to; null: none. */
  readonly conversation: string | null
  /** Say the prompt's text in `accepted`. */
  readonly echo: boolean
}

/** A token and its natural-log probability. */
export interface WireTokenLogprob {
  readonly id: number
  /** UTF-8, possibly a part of a character. */
  readonly bytes: Uint8Array
  readonly logprob: number
}

export interface WireLogprobs extends WireTokenLogprob {
  /** 1 for the best token. */
  readonly rank: number
  /** The best tokens, best first. */
  readonly top: readonly WireTokenLogprob[]
}

/** `accepted` first, then what the engine reports, then `finish` or `error` last. */
export type WireEvent =
  | {
      readonly type: 'accepted'
      readonly promptIds: readonly number[]
      /** With `echo`: the prompt's text, and the bytes of its first token, which has no log-probability. */
      readonly echo: { readonly text: string; readonly firstToken: Uint8Array } | null
    }
  | {
      readonly type: 'prompt'
      readonly logprobs: readonly (WireLogprobs | null)[] | null
      readonly cachedTokens: number
    }
  | { readonly type: 'prefill'; readonly done: number; readonly total: number }
  | {
      readonly type: 'delta'
      readonly text: string
      readonly ids: readonly number[]
      readonly logprobs: readonly WireLogprobs[]
    }
  | {
      readonly type: 'finish'
      readonly reason: 'stop' | 'length'
      readonly stopReason: string | number | null
      readonly usage: { readonly promptTokens: number; readonly completionTokens: number }
    }
  | { readonly type: 'error'; readonly error: WireError }

/** An OctavoError as plain data. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly remedy: string
  readonly stack: string | null
  readonly cause: WireCause | null
}

/** A cause as plain data; an Error keeps its name, or comes back as an OctavoError if it was one. */
export type WireCause =
  | { readonly kind: 'octavo'; readonly error: WireError }
  | {
      readonly kind: 'error'
      readonly name: string
      readonly message: string
      readonly stack: string | null
      readonly cause: WireCause | null
    }
  | { readonly kind: 'value'; readonly value: string }

/** The worker, as the page calls it. */
export interface Service {
  /** Says what a model is and asks of this device; `unload` ends it. */
  inspect(request: LoadRequest): Promise<ModelInspection>
  /**
   * Takes the named Web Lock for as long as the worker lives, so that the page, waiting for the same lock, learns
   * of its death. False where there are no locks.
   */
  holdLock(name: string): Promise<boolean>
  /** Loads the one model of this worker. The port takes LoadReport messages, also after the load. */
  load(request: LoadRequest, progress: MessagePort): Promise<EngineInfo>
  /**
   * Runs the generations of one request to their ends, or refuses all of them. Each has its port, which takes
   * WireEvent[] messages; errors go there too.
   */
  generate(requests: readonly WireGeneration[], events: readonly MessagePort[]): Promise<void>
  /** Makes vectors of texts. */
  embed(call: EmbeddingCall): Promise<EmbeddingResult>
  /** Scores documents by a query. */
  rerank(call: RerankCall): Promise<RerankScores>
  /** Saves what the cache has of a conversation's last generation. */
  saveConversation(call: ConversationCall): Promise<SavedConversation>
  /** Gives the cache a saved conversation; resolves with the tokens that it has of it then. */
  restoreConversation(call: ConversationCall): Promise<number>
  listConversations(): Promise<SavedConversation[]>
  deleteConversation(call: ConversationCall): Promise<void>
  /** Ends a generation or a call, if it runs: its blocks are free within one step. */
  abort(id: string): Promise<void>
  stats(): Promise<EngineStats>
  /** Times the kernels of all steps from now on, until `endProfile`. */
  startProfile(): Promise<void>
  /** Reads a prompt and writes behind it; an encoder reads a text. */
  runProfiled(run: ProfiledRun): Promise<void>
  endProfile(): Promise<EngineProfile>
  diagnostics(): Promise<EngineDiagnostics>
  /** Ends whatever runs and releases the GPU. */
  unload(): Promise<void>
}
