export type { AbortOptions } from './api/abortable-call'
export type {
  ChatCompletion,
  ChatCompletionChoice,
  ChatCompletionChunk,
  ChatCompletionChunkChoice,
  ChatCompletionRequest,
  ChatCompletionStreamRequest,
  ChatLogprobs,
  ChatMessage,
  ContentPart,
  TokenLogprob,
  TopLogprob,
} from './api/chat-types'
export type { CompletionStream } from './api/completion-stream'
export type {
  Completion,
  CompletionChoice,
  CompletionChunk,
  CompletionChunkChoice,
  CompletionLogprobs,
  CompletionRequest,
  CompletionStreamRequest,
} from './api/completion-types'
export { createEngine } from './api/create-engine'
export type { CreateEmbeddingResponse, Embedding, EmbeddingRequest } from './api/embedding-types'
export type { Engine } from './api/engine'
export { type InspectOptions, inspectModel } from './api/inspect-model'
export type { EngineOptions } from './api/options'
export type { ProfileOptions } from './api/profile'
export type {
  CallOptions,
  FinishReason,
  GenerationFields,
  PrefillProgress,
  PromptLogprobs,
  StreamOptions,
  Usage,
} from './api/request-types'
export type { RerankRequest, RerankResponse, RerankResult } from './api/rerank'
export type {
  DeviceLoss,
  DroppedVariant,
  EngineDiagnostics,
  ProofDiagnostics,
  TimedVariants,
  VariantDiagnostics,
} from './util/diagnostics'
export { type ErrorCode, OctavoError } from './util/octavo-error'
export type { EngineProfile, KernelProfile, PhaseProfile, ProfiledPhase } from './util/profile'
export type { InspectionReason, ModelInspection, QuantizationChoice } from './worker/inspection'
export type {
  EngineInfo,
  EngineStats,
  LoadPhase,
  LoadProgress,
  RecoveryProgress,
  SavedConversation,
} from './worker/protocol'
