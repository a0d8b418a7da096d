import type OpenAI from 'openai'
import { describe, expectTypeOf, it } from 'vitest'
import type { ChatCompletions } from '../../../src/api/chat'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  ChatCompletionStreamRequest,
} from '../../../src/api/chat-types'
import type { CompletionStream } from '../../../src/api/completion-stream'
import type {
  Completion,
  CompletionChoice,
  CompletionChunk,
  CompletionChunkChoice,
  CompletionRequest,
  CompletionStreamRequest,
} from '../../../src/api/completion-types'
import type { CreateEmbeddingResponse, EmbeddingRequest } from '../../../src/api/embedding-types'
import type { GenerationFields, StreamOptions, Usage } from '../../../src/api/request-types'

type OpenAIChat = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming
type OpenAIChatStream = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming
type OpenAICompletion = OpenAI.CompletionCreateParamsNonStreaming
type OpenAICompletionStream = OpenAI.CompletionCreateParamsStreaming

/** A request with the fields that are OpenAI's and built here, and nothing else. */
type Shared<Ours, Theirs> = Pick<Ours, keyof Ours & keyof Theirs & (keyof GenerationFields | SharedChat)>
type SharedChat = 'logprobs' | 'top_logprobs' | 'max_completion_tokens' | 'echo' | 'stream'

describe('requests typed by the openai package', () => {
  it('are taken as they are', () => {
    expectTypeOf<OpenAIChat>().toExtend<ChatCompletionRequest>()
    expectTypeOf<OpenAIChatStream>().toExtend<ChatCompletionStreamRequest>()
    expectTypeOf<OpenAICompletion>().toExtend<CompletionRequest>()
    expectTypeOf<OpenAICompletionStream>().toExtend<CompletionStreamRequest>()
    expectTypeOf<OpenAI.EmbeddingCreateParams>().toExtend<EmbeddingRequest>()
  })

  it('have no field that ours do not know', () => {
    expectTypeOf<Exclude<keyof OpenAIChat, keyof ChatCompletionRequest>>().toBeNever()
    expectTypeOf<Exclude<keyof OpenAICompletion, keyof CompletionRequest>>().toBeNever()
    expectTypeOf<Exclude<keyof OpenAI.EmbeddingCreateParams, keyof EmbeddingRequest>>().toBeNever()
  })
})

describe('our requests', () => {
  it('are OpenAI’s in the fields that both have, but for the model, which one may leave out', () => {
    expectTypeOf<Omit<Shared<ChatCompletionRequest, OpenAIChat>, 'model'>>().toExtend<Partial<OpenAIChat>>()
    expectTypeOf<Omit<Shared<CompletionRequest, OpenAICompletion>, 'model'>>().toExtend<
      Partial<OpenAICompletion>
    >()
    expectTypeOf<Pick<StreamOptions, 'include_usage' | 'include_obfuscation'>>().toEqualTypeOf<
      Pick<OpenAI.Chat.Completions.ChatCompletionStreamOptions, 'include_usage' | 'include_obfuscation'>
    >()
  })
})

describe('our responses', () => {
  it('are OpenAI’s', () => {
    expectTypeOf<ChatCompletion>().toExtend<OpenAI.Chat.Completions.ChatCompletion>()
    expectTypeOf<ChatCompletionChunk>().toExtend<OpenAI.Chat.Completions.ChatCompletionChunk>()
    expectTypeOf<Usage>().toExtend<OpenAI.CompletionUsage>()
    expectTypeOf<CreateEmbeddingResponse>().toEqualTypeOf<OpenAI.CreateEmbeddingResponse>()
  })

  it('are OpenAI’s for completions where its types are true to its server', () => {
    // OpenAI types the null of an echoed prompt's first token, and the null finish reason of a chunk, away.
    type Logprobs<Choice> = Omit<Choice, 'logprobs'> & { logprobs: null }
    type Whole = Omit<Completion, 'choices'> & { choices: Logprobs<CompletionChoice>[] }
    type Finished = Omit<CompletionChunkChoice, 'finish_reason'> & { finish_reason: 'stop' | 'length' }
    type Chunk = Omit<CompletionChunk, 'choices' | 'usage'> & { choices: Logprobs<Finished>[] }
    expectTypeOf<Whole>().toExtend<OpenAI.Completion>()
    expectTypeOf<Chunk>().toExtend<OpenAI.Completion>()
    expectTypeOf<keyof NonNullable<CompletionChoice['logprobs']>>().toEqualTypeOf<
      keyof OpenAI.CompletionChoice.Logprobs
    >()
  })

  it('are whole or a stream as the request says', () => {
    const create = (() => {}) as unknown as ChatCompletions['create']
    expectTypeOf(create({ messages: [] })).resolves.toEqualTypeOf<ChatCompletion>()
    expectTypeOf(create({ messages: [], stream: false })).resolves.toEqualTypeOf<ChatCompletion>()
    expectTypeOf(create({ messages: [], stream: true })).resolves.toEqualTypeOf<
      CompletionStream<ChatCompletionChunk>
    >()
  })
})
