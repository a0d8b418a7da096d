import type { Engine } from '../engine/engine'
import type { GenerationRequest } from '../engine/generation'
import type { ChatTemplate } from '../text/chat-template'
import type { Tokenizer } from '../text/types'
import { promptIds, promptText } from './prompt'
import type { EngineInfo, EngineStats, WireEvent, WireGeneration } from './protocol'
import { eventToWire } from './wire-events'

interface SessionParts {
  readonly info: EngineInfo
  readonly engine: Pick<Engine, 'generate' | 'stats'>
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** Ends what runs and releases the GPU. */
  readonly unload: () => void
}

/** A loaded model: text goes in and comes out, the engine between sees ids only. */
export class Session {
  readonly #parts: SessionParts

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  get info(): EngineInfo {
    return this.#parts.info
  }

  /** Runs a generation to its end: first the event `accepted`, then the engine's. */
  async generate(
    request: WireGeneration,
    post: (events: readonly WireEvent[]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { engine, tokenizer, template, info } = this.#parts
    const ids = promptIds(request.prompt, tokenizer, template)
    let accepted = false
    const accept = () => {
      if (!accepted) post([acceptance(request, ids, tokenizer)])
      accepted = true
    }
    const running = engine.generate(engineRequest(request, ids, info.model.contextLength), {
      signal,
      detokenizer: tokenizer.detokenizer({ skipSpecialTokens: request.skipSpecialTokens }),
      eosIds: tokenizer.eosIds,
      onEvents: (events) => {
        accept()
        post(events.map((event) => eventToWire(event, tokenizer)))
      },
    })
    // The engine refuses a request at once: one that is not refused by now is accepted.
    await Promise.race([running, null])
    accept()
    await running
  }

  stats(): EngineStats {
    return this.#parts.engine.stats()
  }

  unload(): void {
    this.#parts.unload()
  }
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
  const { sampler, stop, logprobs, promptLogprobs, skipSpecialTokens, priority } = request
  return {
    promptIds: ids,
    sampler,
    stop: { ...stop, maxTokens: stop.maxTokens ?? contextLength },
    logprobs,
    promptLogprobs,
    skipSpecialTokens,
    priority,
  }
}
