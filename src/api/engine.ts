import { transfer } from 'comlink'
import type { EngineDiagnostics } from '../util/diagnostics'
import type { EngineProfile } from '../util/profile'
import type { EngineInfo, EngineStats, LoadRequest, SavedConversation } from '../worker/protocol'
import type { AbortOptions } from './abortable-call'
import { ChatCompletions } from './chat'
import { Completions } from './completions'
import type { Connection } from './connection'
import { callAbout } from './conversation-call'
import { Embeddings } from './embeddings'
import { handleRequest } from './fetch'
import type { EngineOptions } from './options'
import { type ProfileOptions, profile } from './profile'
import { ProgressReports } from './progress-reports'
import { type RerankRequest, type RerankResponse, rerank } from './rerank'
import { unlessAborted } from './unless-aborted'

/** A loaded model, ready to answer; `createEngine` makes one. */
export class Engine {
  /** What was loaded, onto which device, and how it runs; after a GPU was lost, as it was at first. */
  readonly info: EngineInfo
  /** Answers to conversations. */
  readonly chat: { readonly completions: ChatCompletions }
  /** Texts that go on from a prompt. */
  readonly completions: Completions
  /** For models that make vectors of texts; others refuse it with 'unsupported-architecture'. */
  readonly embeddings: Embeddings
  readonly #connection: Connection

  private constructor(connection: Connection, info: EngineInfo) {
    this.#connection = connection
    this.info = info
    this.chat = { completions: new ChatCompletions(connection, info.model.reference) }
    this.completions = new Completions(connection, info.model.reference)
    this.embeddings = new Embeddings(connection, info.model.reference)
  }

  /**
   * Loads a model over the connection; where that fails, the connection is closed.
   *
   * @internal
   */
  static async load(
    connection: Connection,
    request: LoadRequest,
    options: Pick<EngineOptions, 'onProgress' | 'onRecovery' | 'signal'>,
  ): Promise<Engine> {
    const progress = new ProgressReports(options)
    connection.onEnd(() => progress.close())
    try {
      const loading = () =>
        connection.call((service) => service.load(request, transfer(progress.port, [progress.port])))
      // Closing the connection ends the load.
      const info = await unlessAborted('Loading the model', loading, options.signal, () => {})
      progress.ready()
      return new Engine(connection, info)
    } catch (error) {
      void connection.close()
      throw error
    }
  }

  /**
   * Ranks documents by how well they answer a query: by a reranker's scores, or with a model that makes vectors by the
   * cosine of its vectors. A query together with a document, or with such a model each by itself, has at most
   * `info.encoder.maxTokens` tokens.
   *
   * @throws OctavoError 'invalid-request' or 'unsupported-field' naming the field, 'context-too-long',
   * 'unsupported-architecture' for a model that can do neither, 'queue-full', 'aborted', 'unloaded'
   * @example
   * const documents = ['Paris is a city in France.', 'Cheese is made of milk.']
   * const { results } = await engine.rerank({ query: 'capital of France', documents, top_n: 1 })
   * show(documents[results[0]!.index], results[0]!.relevance_score)
   */
  rerank(body: RerankRequest, options: AbortOptions = {}): Promise<RerankResponse> {
    return rerank(this.#connection, this.info.model.reference, body, options)
  }

  /**
   * Answers an HTTP request as OpenAI's server does, for clients that take a `fetch`: POST `/v1/chat/completions`,
   * `/v1/completions`, `/v1/embeddings` and `/v1/rerank`, GET `/v1/models`; nothing leaves the page.
   *
   * @example
   * const body = JSON.stringify({ input: 'Hello' })
   * const response = await engine.fetch(new Request('http://octavo/v1/embeddings', { method: 'POST', body }))
   * show(await response.json())
   */
  fetch = (input: Request | URL | string, init?: RequestInit): Promise<Response> =>
    handleRequest(this, new Request(input, init))

  /**
   * What there is to know of this GPU, this browser and the variants of kernels that were chosen for them: how, after which
   * timings, and what was dropped because it computed wrongly. Plain data, to be sent along with a report.
   *
   * @example
   * const { variants } = await engine.diagnostics()
   * show(variants.from, variants.chosen, variants.dropped)
   */
  diagnostics(): Promise<EngineDiagnostics> {
    return this.#connection.call((service) => service.diagnostics())
  }

  /**
   * What the engine is doing now: sequences that run and wait, KV blocks in use.
   *
   * @example
   * const { blocksInUse, blocks } = await engine.stats()
   */
  stats(): Promise<EngineStats> {
    return this.#connection.call((service) => service.stats())
  }

  /**
   * Times every kernel: while a prompt of random tokens is read and answered, or while the app does something of its own.
   *
   * Meanwhile each dispatch has a pass of its own, so steps take longer than they do otherwise; no result changes.
   * Requests of others that run meanwhile are in the profile too. Where the browser does not time kernels, or too
   * coarsely, `whyNoTimes` says so and times are null; calls, bytes and the steps' own times are always there.
   *
   * @throws OctavoError 'invalid-option', 'invalid-request' while another profile is taken, 'context-too-long', 'queue-full',
   * 'aborted', 'unloaded'; and what `during` throws
   * @example
   * const { phases } = await engine.profile({ promptTokens: 128, tokens: 32 })
   * for (const { phase, kernels } of phases) {
   *   for (const { kernel, calls, ms, gbPerSecond } of kernels) show(phase, kernel, calls, ms, gbPerSecond)
   * }
   */
  profile(options: ProfileOptions = {}): Promise<EngineProfile> {
    return profile(this.#connection, options)
  }

  /**
   * Saves on this device what the model has read and written of a conversation: the keys and values of its last request
   * with `prompt_cache_key: id` that has ended, in whole blocks. It takes the place of what was saved under the id.
   *
   * Requests run on meanwhile, and need not be waited for; those that need the memory cut short what is saved, as does a lost GPU.
   * Conversations that were not used for longest are deleted where all of them take more than `conversations.maxBytes`.
   *
   * @throws OctavoError 'not-found', 'conversation-too-large', 'disk-full', 'no-storage', 'invalid-option', 'aborted';
   * what was saved before is kept then
   * @example
   * await engine.chat.completions.create({ messages, prompt_cache_key: 'tuesday' })
   * const { tokens, bytes } = await engine.saveConversation('tuesday')
   */
  saveConversation(id: string, options: AbortOptions = {}): Promise<SavedConversation> {
    return callAbout(this.#connection, id, options, (service, call) => service.saveConversation(call))
  }

  /**
   * Brings a saved conversation back into the cache, as far as there is room, so that the next request that begins
   * with it computes only what is new. Resolves with the tokens that the cache has of it.
   *
   * @throws OctavoError 'not-found', 'conversation-mismatch' where another model, cache format, invariance, precision or GPU computed it,
   * 'no-storage', 'invalid-option', 'aborted'
   * @example
   * const tokens = await engine.restoreConversation('tuesday').catch(() => 0)
   * const { usage } = await engine.chat.completions.create({ messages, prompt_cache_key: 'tuesday' })
   * show(tokens, usage.prompt_tokens_details.cached_tokens)
   */
  restoreConversation(id: string, options: AbortOptions = {}): Promise<number> {
    return callAbout(this.#connection, id, options, (service, call) => service.restoreConversation(call))
  }

  /** The conversations that are saved on this device, by this model or another; the one used last comes first. */
  listConversations(): Promise<SavedConversation[]> {
    return this.#connection.call((service) => service.listConversations())
  }

  /** Deletes a saved conversation; does nothing where there is none. */
  deleteConversation(id: string, options: AbortOptions = {}): Promise<void> {
    return callAbout(this.#connection, id, options, (service, call) => service.deleteConversation(call))
  }

  /**
   * Ends whatever runs (its callers get an OctavoError 'unloaded'), releases the GPU and ends the worker. The
   * weights stay on this device's disk. Calling it again does nothing more.
   */
  unload(): Promise<void> {
    return this.#connection.close()
  }

  /** `await using engine = await createEngine(…)` unloads at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unload()
  }
}
