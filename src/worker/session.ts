import type { Engine } from '../engine/engine'
import type { Generation, GenerationRequest } from '../engine/generation'
import type { GpuRunner } from '../model/runner'
import type { ChatTemplate } from '../text/chat-template'
import type { Tokenizer } from '../text/types'
import type { EngineDiagnostics } from '../util/diagnostics'
import type { Conversations } from './conversations'
import { lengthsOf, promptOf, requestOf } from './profiled-run'
import { promptIds, promptText } from './prompt'
import type { EngineInfo, EngineStats, ProfiledRun, WireEvent, WireGeneration, WirePrompt } from './protocol'
import { eventToWire } from './wire-events'

/** What is of a GPU is asked for anew each time: the model may have come back on another one. */
interface SessionParts {
  readonly info: EngineInfo
  readonly diagnostics: () => Promise<EngineDiagnostics>
  readonly engine: Pick<Engine, 'generateAll' | 'stats'>
  readonly runner: Pick<GpuRunner, 'profiler' | 'limits'>
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly conversations: () => Promise<Conversations>
  /** Ends what runs and releases the GPU. */
  readonly unload: () => void
}

/** One generation of a request, and where its events go. */
export interface SessionGeneration {
  readonly request: WireGeneration
  readonly post: (events: readonly WireEvent[]) => void
  readonly signal: AbortSignal
}

/** A loaded model: text goes in and comes out, the engine between sees ids only. */
export class Session {
  readonly kind = 'generator'
  readonly #parts: SessionParts
  #profiledRuns = 0

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  get info(): EngineInfo {
    return this.#parts.info
  }

  diagnostics(): Promise<EngineDiagnostics> {
    return this.#parts.diagnostics()
  }

  /** @throws OctavoError 'network' where the part of Octavo that has them cannot be fetched */
  conversations(): Promise<Conversations> {
    return this.#parts.conversations()
  }

  get profiler(): GpuRunner['profiler'] {
    return this.#parts.runner.profiler
  }

  /** @throws OctavoError 'context-too-long', 'queue-full', 'aborted' */
  async runProfiled(run: ProfiledRun, signal: AbortSignal): Promise<void> {
    const { engine, runner, tokenizer, info } = this.#parts
    const { promptTokens, tokens } = lengthsOf(run, info.model.contextLength)
    const ids = promptOf(this.#profiledRuns++, promptTokens, runner.limits.vocabSize)
    const detokenizer = tokenizer.detokenizer({ skipSpecialTokens: true })
    const options = { signal, detokenizer, eosIds: [], onEvents: () => {} }
    await Promise.all(engine.generateAll([{ request: requestOf(ids, tokens), options }]))
  }

  /**
   * Runs the generations of one request to their ends: each has first the event `accepted`, then the engine's.
   *
   * @returns for each a promise that resolves at its end
   * @throws OctavoError at once, for all of them, if one cannot be taken
   */
  generate(generations: readonly SessionGeneration[]): readonly Promise<void>[] {
    const { engine, tokenizer, template } = this.#parts
    const prompts = new Map<WirePrompt, readonly number[]>()
    for (const { prompt } of generations.map(({ request }) => request)) {
      if (!prompts.has(prompt)) prompts.set(prompt, promptIds(prompt, tokenizer, template))
    }
    const all = generations.map((generation) =>
      this.#generation(generation, prompts.get(generation.request.prompt)!),
    )
    const started = engine.generateAll(all)
    for (const { accept } of all) accept()
    return started
  }

  #generation(
    { request, post, signal }: SessionGeneration,
    ids: readonly number[],
  ): Generation & { readonly accept: () => void } {
    const { tokenizer, info } = this.#parts
    let accepted = false
    const accept = () => {
      if (!accepted) post([acceptance(request, ids, tokenizer)])
      accepted = true
    }
    return {
      request: engineRequest(request, ids, info.model.contextLength),
      options: {
        signal,
        detokenizer: tokenizer.detokenizer({
          skipSpecialTokens: request.skipSpecialTokens,
          continues: continues(request, ids, tokenizer),
        }),
        eosIds: tokenizer.eosIds,
        onEvents: (events) => {
          accept()
          post(events.map((event) => eventToWire(event, tokenizer)))
        },
      },
      accept,
    }
  }

  stats(): EngineStats {
    return this.#parts.engine.stats()
  }

  unload(): void {
    this.#parts.unload()
  }
}

/** Whether the answer goes on from a text: from a prompt's, or from a message that was left open. */
function continues({ prompt }: WireGeneration, ids: readonly number[], tokenizer: Tokenizer): boolean {
  return prompt.kind === 'chat' ? prompt.continueFinalMessage : ids.some((id) => !tokenizer.isSpecial(id))
}

function acceptance(request: WireGeneration, ids: readonly number[], tokenizer: Tokenizer): WireEvent {
  const echo = request.echo
    ? { text: promptText(request.prompt, ids, tokenizer), firstToken: tokenizer.tokenBytes(ids[0]!) }
    : null
  return { type: 'accepted', promptIds: ids, echo }
}

function engineRequest(
  request: WireGeneration,
  ids: readonly number[],
  contextLength: number,
): GenerationRequest {
  const { sampler, stop, logprobs, promptLogprobs, skipSpecialTokens, priority, conversation } = request
  const { maxTokens, defaultMaxTokens, ...rest } = stop
  // At least one, for the engine to say that the prompt is too long.
  const room = Math.max(1, contextLength - ids.length)
  return {
    promptIds: ids,
    sampler,
    constraint: null,
    stop: { ...rest, maxTokens: maxTokens ?? Math.min(defaultMaxTokens ?? room, room) },
    logprobs,
    promptLogprobs,
    skipSpecialTokens,
    priority,
    conversation,
  }
}
