import { allowsNothing, maskOf, nothingAllowed } from '../model/sampling'
import type { ChunkResult, Runner } from '../model/step'
import { abortedError, OctavoError } from '../util/octavo-error'
import { checkRequest, checkRoom } from './admission'
import { ConversationIds } from './conversation-ids'
import { readDrawnId } from './drawn-id'
import type { EngineStats, GenerationEvent, GenerationRequest } from './generation'
import type { HeldPrefix } from './held-prefix'
import { type ScheduledChunk, Scheduler } from './scheduler'
import { Sequence, type SharedPrompt } from './sequence'
import { StopText, type TextSource } from './stop-text'

/** A step that has been submitted. */
interface InFlight {
  readonly items: readonly ScheduledChunk[]
  readonly results: Promise<readonly ChunkResult[]>
}

export interface GenerateOptions {
  readonly signal: AbortSignal
  /** A fresh one for each generation. */
  readonly detokenizer: TextSource
  readonly eosIds: readonly number[]
  /** Events in order, those of one step together. */
  readonly onEvents: (events: readonly GenerationEvent[]) => void
}

/** One generation with what it needs beside the request. */
export interface Generation {
  readonly request: GenerationRequest
  readonly options: GenerateOptions
}

export interface EngineOptions {
  /** Generations that may wait for a place among the running ones. */
  readonly maxWaiting: number
}

/** Of a model with a recurrent state. */
const whyNoPrefixes =
  'off: layers of this model keep a state of all tokens so far, and the KV cache alone cannot give it back'

/** Conversations whose ids are known, to be saved. */
const mostConversations = 64

/** Runs generations over one model: a loop of steps for as long as there is something to do. */
export class Engine {
  readonly conversations = new ConversationIds(mostConversations)
  /** `on`, or why what was computed for one prompt serves no other and cannot be saved. */
  readonly prefixCache: string
  readonly #runner: Runner
  readonly #maxWaiting: number
  readonly #scheduler: Scheduler
  readonly #sequences = new Set<Sequence>()
  #inFlight: InFlight | null = null
  #looping = false
  #arrivals = 0
  #steps = 0
  #ended: unknown = null

  constructor(runner: Runner, { maxWaiting }: EngineOptions = { maxWaiting: Number.POSITIVE_INFINITY }) {
    this.#runner = runner
    this.#maxWaiting = maxWaiting
    this.#scheduler = new Scheduler(runner.limits)
    this.prefixCache = runner.limits.hasState ? whyNoPrefixes : 'on'
  }

  /**
   * Runs one generation to its end; resolves after its 'finish' event.
   *
   * @throws OctavoError 'context-too-long', 'invalid-request', 'queue-full', 'aborted', or what ended the engine
   */
  async generate(request: GenerationRequest, options: GenerateOptions): Promise<void> {
    const [generation] = this.generateAll([{ request, options }])
    return generation
  }

  /**
   * Runs generations that were asked for together: either all of them are taken or none. Those that stand beside each
   * other with the same `promptIds` array are answers to one prompt, which is computed once.
   *
   * @returns for each a promise as of `generate`
   * @throws OctavoError as `generate`, at once, if one of them cannot be taken
   */
  generateAll(generations: readonly Generation[]): readonly Promise<void>[] {
    if (this.#ended) throw this.#ended
    const { limits } = this.#runner
    for (const { request, options } of generations) {
      if (options.signal.aborted) throw abortedError('The generation', options.signal)
      checkRequest(request, limits, options.eosIds)
    }
    const { running, waiting } = this.#scheduler
    checkRoom(generations.length, {
      maxSequences: limits.maxSequences,
      maxWaiting: this.#maxWaiting,
      running: running.length,
      waiting: waiting.length,
    })
    let sharedPrompt: SharedPrompt = { computedBy: null }
    const started = generations.map((generation, i) => {
      const isAnother = generation.request.promptIds === generations[i - 1]?.request.promptIds
      if (!isAnother || !sharesPrompt(generation.request)) sharedPrompt = { computedBy: null }
      return this.#start(generation, sharedPrompt)
    })
    this.#wake()
    return started
  }

  #start({ request, options }: Generation, sharedPrompt: SharedPrompt): Promise<void> {
    const { signal, detokenizer, eosIds, onEvents } = options
    return new Promise((resolve, reject) => {
      const onEnd = (error: unknown) => {
        signal.removeEventListener('abort', onAbort)
        if (error) reject(error)
        else resolve()
      }
      const { stopStrings, includeStopString } = request.stop
      const text = new StopText(detokenizer, stopStrings, includeStopString)
      const hooks = { onEvents, onEnd, detokenizer, eosIds }
      const { allowedIds } = request.sampler
      const mask = allowedIds && maskOf(allowedIds, this.#runner.limits.vocabSize)
      const sequence = new Sequence(request, hooks, text, this.#arrivals++, mask, sharedPrompt)
      const onAbort = () => this.#end(sequence, abortedError('The generation', signal))
      signal.addEventListener('abort', onAbort)
      this.#sequences.add(sequence)
      if (asksForNothing(request)) this.#finishScoring(sequence, [])
      else if (this.#constrain(sequence)) this.#scheduler.add(sequence)
    })
  }

  /** Asks what may be drawn next; false if that ended the sequence. */
  #constrain(sequence: Sequence): boolean {
    const { constraint } = sequence.request
    if (!constraint) return true
    try {
      sequence.constrain(constraint.allowed(sequence.ids, sequence.promptTokens))
      const { allowed, bannedIds } = sequence.sampler
      if (!allowed || !allowsNothing(allowed, bannedIds, this.#runner.limits.vocabSize)) return true
      throw nothingAllowed()
    } catch (error) {
      this.#end(sequence, asOctavoError('The constraint of a generation', error))
      return false
    }
  }

  /** Runs `copy` with what the cache holds of the ids' beginning, held meanwhile. */
  async copying<T>(ids: readonly number[], copy: (prefix: HeldPrefix) => Promise<T>): Promise<T> {
    if (this.#ended) throw this.#ended
    const prefix = this.#scheduler.hold(ids)
    try {
      return await copy(prefix)
    } catch (error) {
      // A GPU that is gone fails every copy.
      throw this.#ended ?? error
    } finally {
      this.#scheduler.letGo(prefix)
    }
  }

  stats(): EngineStats {
    const { running, waiting, blocks } = this.#scheduler
    return {
      runningSequences: running.length,
      waitingSequences: waiting.length,
      blocksInUse: blocks.blocksInUse,
      blocks: blocks.blocks,
      cachedBlocks: blocks.idleBlocks,
      prefixHitTokens: this.#scheduler.hitTokens,
      prefixEvictions: blocks.evictions,
      steps: this.#steps,
    }
  }

  /** @throws Error unless every KV block is free or held by exactly those that count it */
  checkIntegrity(): void {
    const { running, waiting, held, blocks } = this.#scheduler
    blocks.checkIntegrity([...running, ...waiting, ...held].map(({ table }) => table))
  }

  /** Ends every generation with the error, now and from now on. */
  stop(error: OctavoError): void {
    this.#ended ??= error
    for (const sequence of [...this.#sequences]) this.#end(sequence, error)
  }

  #wake(): void {
    if (this.#looping) return
    this.#looping = true
    void this.#loop()
  }

  async #loop(): Promise<void> {
    try {
      while (this.#inFlight || this.#scheduler.running.length + this.#scheduler.waiting.length > 0) {
        await this.step()
      }
    } catch (error) {
      this.stop(asOctavoError('A step of the engine', error))
      this.#inFlight = null
    } finally {
      this.#looping = false
    }
  }

  /** One turn of the engine: a batch is submitted before the ids of the one before it are read. */
  async step(): Promise<void> {
    const previous = this.#inFlight
    this.#inFlight = this.#run(this.#scheduler.schedule())
    if (previous) await this.#postprocess(previous)
    else if (!this.#inFlight) throw new Error('sequences wait and none can be scheduled')
  }

  #run(items: readonly ScheduledChunk[]): InFlight | null {
    if (items.length === 0) return null
    this.#steps += 1
    const results = this.#runner.run(items.map((item) => item.chunk))
    // A step that fails is reported when it is read back.
    results.catch(() => undefined)
    return { items, results }
  }

  async #postprocess({ items, results }: InFlight): Promise<void> {
    const read = await results
    items.forEach((item, i) => {
      if (!item.sequence.done && item.epoch === item.sequence.epoch) this.#apply(item, read[i]!)
    })
  }

  /** What a step means for one sequence. */
  #apply({ sequence, chunk, count }: ScheduledChunk, result: ChunkResult): void {
    const events: GenerationEvent[] = []
    const done = chunk.start + count
    result.promptLogprobs.forEach((logprobs, i) => {
      sequence.promptLogprobs[chunk.start + 1 + i] = logprobs
    })
    if (done < sequence.promptTokens) {
      events.push({ type: 'prefill', done, total: sequence.promptTokens })
    }
    if (!sequence.wantsTokens) {
      if (done >= sequence.promptTokens - 1) this.#finishScoring(sequence, events)
      else sequence.hooks.onEvents(events)
      return
    }
    if (result.sampledId === null) {
      if (events.length > 0) sequence.hooks.onEvents(events)
      return
    }
    this.#reportPrompt(sequence, events)
    sequence.pending -= 1
    sequence.ids.push(result.sampledId)
    const { text, end } = readDrawnId(sequence, result.sampledId)
    const logprobs = result.logprobs ? [result.logprobs] : []
    events.push({ type: 'delta', text, ids: [result.sampledId], logprobs })
    if (end) {
      this.#finish(sequence, end.reason, end.stopReason, events)
      return
    }
    sequence.hooks.onEvents(events)
    // Whoever hears of the id may have ended the generation.
    if (!sequence.done) this.#constrain(sequence)
  }

  #reportPrompt(sequence: Sequence, events: GenerationEvent[]): void {
    if (sequence.promptReported) return
    sequence.promptReported = true
    const logprobs = sequence.request.promptLogprobs === null ? null : sequence.promptLogprobs
    events.push({ type: 'prompt', logprobs, cachedTokens: sequence.cachedTokens ?? 0 })
  }

  #finishScoring(sequence: Sequence, events: GenerationEvent[]): void {
    this.#reportPrompt(sequence, events)
    this.#finish(sequence, 'length', null, events)
  }

  #finish(
    sequence: Sequence,
    reason: 'stop' | 'length',
    stopReason: string | number | null,
    events: GenerationEvent[],
  ): void {
    const { promptTokens, completionTokens } = sequence
    events.push({ type: 'finish', reason, stopReason, usage: { promptTokens, completionTokens } })
    sequence.hooks.onEvents(events)
    this.#end(sequence, null)
  }

  #end(sequence: Sequence, error: unknown): void {
    if (sequence.done) return
    sequence.done = true
    this.#sequences.delete(sequence)
    this.#scheduler.remove(sequence)
    const { conversation } = sequence.request
    if (conversation !== null) this.conversations.set(conversation, sequence.ids)
    sequence.hooks.onEnd(error)
  }
}

/** Neither tokens nor log-probabilities of the prompt; the first token of a prompt has none. */
function asksForNothing({ stop, promptLogprobs, promptIds }: GenerationRequest): boolean {
  return stop.maxTokens === 0 && (promptLogprobs === null || promptIds.length < 2)
}

/** An answer that takes its prompt over from another: it wants tokens, and nothing of the prompt's computing. */
function sharesPrompt({ stop, promptLogprobs, promptIds }: GenerationRequest): boolean {
  return stop.maxTokens > 0 && promptLogprobs === null && promptIds.length > 1
}

function asOctavoError(what: string, error: unknown): OctavoError {
  if (error instanceof OctavoError) return error
  return new OctavoError(
    'internal',
    `${what} failed: ${error instanceof Error ? error.message : String(error)}`,
    'Create the engine again; if it happens again, report it with the contents of engine.info.',
    { cause: error },
  )
}
