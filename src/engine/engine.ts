import { allowsNothing, maskOf, nothingAllowed } from '../model/sampling'
import type { ChunkResult, Runner, RunnerLimits } from '../model/step'
import { abortedError, OctavoError } from '../util/octavo-error'
import { checkRequest, checkRoom } from './admission'
import { ConversationIds } from './conversation-ids'
import { CurrentRunner } from './current-runner'
import type { EngineStats, GenerateOptions, Generation, GenerationRequest } from './generation'
import type { HeldPrefix } from './held-prefix'
import { internalError } from './internal-error'
import { asksForNothing, type Outcome, outcomeOf, scored } from './outcome'
import { type ScheduledChunk, Scheduler } from './scheduler'
import { Sequence, type SharedPrompt } from './sequence'
import { StopText } from './stop-text'

/** A step that has been submitted. */
interface InFlight {
  readonly items: readonly ScheduledChunk[]
  readonly results: Promise<readonly ChunkResult[]>
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
  readonly #maxWaiting: number
  readonly #current: CurrentRunner<Runner>
  #scheduler: Scheduler
  readonly #sequences = new Set<Sequence>()
  #inFlight: InFlight | null = null
  #looping = false
  #arrivals = 0
  #steps = 0
  /** Of caches that were lost. */
  readonly #earlier = { hitTokens: 0, evictions: 0 }

  constructor(runner: Runner, { maxWaiting }: EngineOptions = { maxWaiting: Number.POSITIVE_INFINITY }) {
    this.#current = new CurrentRunner(runner)
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
    if (this.#current.ended) throw this.#current.ended
    const { limits } = this.#scheduler
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
      const mask = allowedIds && maskOf(allowedIds, this.#scheduler.limits.vocabSize)
      const sequence = new Sequence(request, hooks, text, this.#arrivals++, mask, sharedPrompt)
      const onAbort = () => this.#end(sequence, abortedError('The generation', signal))
      signal.addEventListener('abort', onAbort)
      this.#sequences.add(sequence)
      if (asksForNothing(request)) this.#hear(sequence, scored(sequence))
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
      if (!allowed || !allowsNothing(allowed, bannedIds, this.#scheduler.limits.vocabSize)) return true
      throw nothingAllowed()
    } catch (error) {
      this.#end(sequence, internalError('The constraint of a generation', error))
      return false
    }
  }

  /**
   * Runs `copy` with what the cache holds of the ids' beginning, held meanwhile; once more where the GPU was lost under it.
   *
   * @throws what `copy` throws, 'aborted', or what ended the engine
   */
  async copying<T>(
    ids: readonly number[],
    copy: (prefix: HeldPrefix) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    for (;;) {
      const runner = await this.#current.present(signal)
      const scheduler = this.#scheduler
      const prefix = scheduler.hold(ids)
      try {
        const copied = await copy(prefix)
        if (runner === this.#current.runner) return copied
      } catch (error) {
        const mayBeLost = !this.#current.ended && !(error instanceof OctavoError)
        if (!mayBeLost || !(await this.#wasLost(runner))) throw this.#current.ended ?? error
      } finally {
        scheduler.letGo(prefix)
      }
    }
  }

  /**
   * Resolves as soon as there is a GPU.
   *
   * @throws OctavoError 'aborted', or what ended the engine
   */
  async present(signal: AbortSignal): Promise<void> {
    await this.#current.present(signal)
  }

  stats(): EngineStats {
    const { running, waiting, blocks } = this.#scheduler
    return {
      runningSequences: running.length,
      waitingSequences: waiting.length,
      blocksInUse: blocks.blocksInUse,
      blocks: blocks.blocks,
      cachedBlocks: blocks.idleBlocks,
      prefixHitTokens: this.#earlier.hitTokens + this.#scheduler.hitTokens,
      prefixEvictions: this.#earlier.evictions + blocks.evictions,
      steps: this.#steps,
      recovering: this.#current.recovering,
    }
  }

  /** @throws Error unless every KV block is free or held by exactly those that count it */
  checkIntegrity(): void {
    const { running, waiting, held, blocks } = this.#scheduler
    blocks.checkIntegrity([...running, ...waiting, ...held].map(({ table }) => table))
  }

  /** It answers nothing more. */
  get ended(): boolean {
    return this.#current.ended !== null
  }

  /** Ends every generation with the error, now and from now on. */
  stop(error: OctavoError): void {
    this.#current.end(error)
    for (const sequence of [...this.#sequences]) this.#end(sequence, error)
  }

  /** The GPU is gone, and with it what is in flight and all keys and values: generations wait for `resume`. */
  pause(): void {
    if (!this.#current.runner) return
    this.#current.lose()
    this.#inFlight = null
    this.#looping = false
    this.#startAgain(this.#scheduler.limits)
  }

  /** Goes on with another runner of the same model: each generation is computed again as far as it was, and goes on there. */
  resume(runner: Runner): void {
    this.#startAgain(runner.limits)
    this.#current.replace(runner)
    this.#wake()
  }

  /** With an empty cache of these limits; generations that one of another size cannot hold end. */
  #startAgain(limits: RunnerLimits): void {
    const before = this.#scheduler
    this.#earlier.hitTokens += before.hitTokens
    this.#earlier.evictions += before.blocks.evictions
    this.#scheduler = new Scheduler(limits)
    for (const sequence of [...this.#sequences]) {
      before.remove(sequence)
      sequence.startAgain()
      try {
        checkRequest(sequence.request, limits, sequence.hooks.eosIds)
        this.#scheduler.add(sequence)
      } catch (error) {
        this.#end(sequence, error)
      }
    }
  }

  #wake(): void {
    const { runner } = this.#current
    if (this.#looping || !runner) return
    this.#looping = true
    void this.#loop(runner)
  }

  /** Steps of one runner, until nothing is left to do or the runner is. */
  async #loop(runner: Runner): Promise<void> {
    const { running, waiting } = this.#scheduler
    try {
      while (runner === this.#current.runner && (this.#inFlight || running.length + waiting.length > 0)) {
        await this.step()
      }
    } catch (error) {
      if (!(await this.#wasLost(runner))) this.stop(internalError('A step of the engine', error))
    } finally {
      if (runner === this.#current.runner) {
        this.#inFlight = null
        this.#looping = false
      }
    }
  }

  /** Whether something has failed because its GPU is gone; if so, everything else waits from now on. */
  async #wasLost(runner: Runner): Promise<boolean> {
    const wasLost = await this.#current.wasLost(runner)
    // Another may be there by now.
    if (wasLost && runner === this.#current.runner) this.pause()
    return wasLost
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
    const results = this.#current.runner!.run(items.map((item) => item.chunk))
    // A step that fails is reported when it is read back.
    results.catch(() => undefined)
    return { items, results }
  }

  async #postprocess({ items, results }: InFlight): Promise<void> {
    const read = await results
    items.forEach((item, i) => {
      const { sequence, epoch } = item
      if (!sequence.done && epoch === sequence.epoch) this.#hear(sequence, outcomeOf(item, read[i]!))
    })
  }

  #hear(sequence: Sequence, { events, drew, ended }: Outcome): void {
    if (events.length > 0) sequence.hooks.onEvents(events)
    if (ended) this.#end(sequence, null)
    // Whoever hears of the id may have ended the generation.
    else if (drew && !sequence.done) this.#constrain(sequence)
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

/** An answer that takes its prompt over from another: it wants tokens, and nothing of the prompt's computing. */
function sharesPrompt({ stop, promptLogprobs, promptIds }: GenerationRequest): boolean {
  return stop.maxTokens > 0 && promptLogprobs === null && promptIds.length > 1
}
