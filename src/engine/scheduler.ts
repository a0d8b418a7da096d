import { seesHistory } from '../model/sampling'
import type { RunnerLimits, SamplerSettings, StepChunk } from '../model/step'
import { BlockManager, type BlockTable } from './block-manager'
import { HeldPrefix } from './held-prefix'
import type { Sequence } from './sequence'

/** One sequence's part of a step, with what postprocessing must know of it. */
export interface ScheduledChunk {
  readonly sequence: Sequence
  readonly epoch: number
  readonly count: number
  readonly chunk: StepChunk
}

/** What is to be copied for a sequence before its first chunk. */
type Copies = Pick<StepChunk, 'copyBlock' | 'copyState'>

const nothingCopied: Copies = { copyBlock: null, copyState: null }

/**
 * Fills steps: decode tokens first, then chunks of prompts, under the runner's limits. A lower priority number goes
 * first; within one, first come first served. When blocks run out, the youngest running sequence of the last priority
 * gives its blocks back and is computed again later.
 */
export class Scheduler {
  readonly blocks: BlockManager
  /** In order of priority and arrival; those that were preempted come back at their old place. */
  readonly waiting: Sequence[] = []
  /** In order of priority and arrival. */
  readonly running: Sequence[] = []
  /** Beginnings that are being copied. */
  readonly held = new Set<HeldPrefix>()
  /** Tokens that were found in the prefix cache and not computed again. */
  hitTokens = 0
  readonly #freeSlots: number[]

  constructor(readonly limits: RunnerLimits) {
    this.blocks = new BlockManager(limits.blocks, limits.blockSize, !limits.hasState)
    this.#freeSlots = Array.from({ length: limits.maxSequences }, (_, i) => limits.maxSequences - 1 - i)
  }

  add(sequence: Sequence): void {
    insertInOrder(this.waiting, sequence)
  }

  /** The next step's chunks; none when there is nothing to do until a step in flight has been read back. */
  schedule(): ScheduledChunk[] {
    const budget = { tokens: this.limits.maxBatchTokens, rows: this.limits.maxLogitRows }
    const step: ScheduledChunk[] = []
    const running = [...this.running]
    for (const sequence of running) {
      if (sequence.slot !== null && sequence.decoding) this.#take(sequence, budget, step)
    }
    for (const sequence of running) {
      if (sequence.slot !== null && !sequence.decoding) this.#take(sequence, budget, step)
    }
    while (this.waiting.length > 0 && budget.tokens > 0 && budget.rows > 0 && this.#freeSlots.length > 0) {
      const sequence = this.waiting[0]!
      const copies = this.#admit(sequence, step)
      if (copies === 'wait') break
      this.waiting.shift()
      sequence.slot = this.#freeSlots.pop()!
      insertInOrder(this.running, sequence)
      this.#take(sequence, budget, step, copies)
    }
    return step
  }

  /**
   * Takes what is there of the sequence's tokens, and says what is to be copied for it; 'wait' where there is no room
   * for the others, or where they are about to be computed for another answer to the prompt.
   */
  #admit(sequence: Sequence, step: readonly ScheduledChunk[]): Copies | 'wait' {
    const { table, sharedPrompt } = sequence
    if (sequence.refusedAt === this.blocks.changes) return 'wait'
    let first = this.#answeredBy(sequence)
    const beyond = first ? computedBefore(first, step) - (sequence.promptTokens - 1) : 0
    if (beyond < 0) return 'wait'
    // A state that has gone on is not that of the prompt any more.
    if (beyond > 0 && this.limits.hasState) first = null
    if (first) this.blocks.shareBlocks(table, first.table, sequence.promptTokens - 1)
    // Log-probabilities of a prompt come from computing it.
    else if (sequence.request.promptLogprobs === null) this.blocks.sharePrefix(table, sequence.ids)
    // A whole prompt's blocks, so that sequences do not start only to preempt one another.
    if (!this.#hasRoom(table, sequence.length)) {
      this.blocks.release(table)
      sequence.refusedAt = this.blocks.changes
      return 'wait'
    }
    if (first) return this.#takeOver(sequence, first)
    sharedPrompt.computedBy = sequence
    sequence.computed = table.blocks.length * this.limits.blockSize
    this.hitTokens += sequence.computed
    sequence.cachedTokens ??= sequence.computed
    return nothingCopied
  }

  /** The running sequence that has the same prompt as this one, which has no token of an answer yet. */
  #answeredBy({ sharedPrompt, completionTokens }: Sequence): Sequence | null {
    const first = sharedPrompt.computedBy
    return first !== null && first.slot !== null && completionTokens === 0 ? first : null
  }

  /** Goes on from another's prompt but for its last token, whose logits are wanted: a block that is not full is copied. */
  #takeOver(sequence: Sequence, first: Sequence): Copies {
    const { table, promptTokens } = sequence
    const full = table.blocks.length
    sequence.computed = promptTokens - 1
    sequence.cachedTokens ??= first.cachedTokens
    this.blocks.grow(table, promptTokens)
    const isWhole = full * this.limits.blockSize === promptTokens - 1
    return {
      copyBlock: isWhole ? null : { from: first.table.blocks[full]!, to: table.blocks[full]! },
      copyState: this.limits.hasState ? first.slot : null,
    }
  }

  /**
   * Whether other answers to the prompt wait for this sequence to compute it. Where there is a state to be copied, the
   * sequence stops before the prompt's last token, which then all of them compute in one step.
   */
  #isWaitedFor(sequence: Sequence): boolean {
    const { sharedPrompt, computed, promptTokens } = sequence
    if (!this.limits.hasState || sharedPrompt.computedBy !== sequence || computed >= promptTokens - 1)
      return false
    return this.waiting.some(
      (other) => other !== sequence && other.sharedPrompt === sharedPrompt && other.completionTokens === 0,
    )
  }

  /** Rows of logits that a prompt which is scored leaves: one for each sequence that may begin, or end its prompt, in this step. */
  #rowsForOthers(sequence: Sequence): number {
    const prompts = this.running.filter(
      (other) => other !== sequence && other.slot !== null && !other.decoding,
    )
    return prompts.length + Math.min(this.waiting.length, this.#freeSlots.length)
  }

  #take(
    sequence: Sequence,
    budget: { tokens: number; rows: number },
    step: ScheduledChunk[],
    copies: Copies = nothingCopied,
  ): void {
    if (sequence.request.constraint && sequence.pending > 0) return
    const scoring = sequence.request.promptLogprobs !== null && sequence.computed < sequence.promptTokens - 1
    let count = Math.min(sequence.length - sequence.computed, budget.tokens)
    if (!sequence.wantsTokens) count = Math.min(count, sequence.promptTokens - 1 - sequence.computed)
    if (this.#isWaitedFor(sequence)) count = Math.min(count, sequence.promptTokens - 1 - sequence.computed)
    if (scoring) count = Math.min(count, Math.max(1, budget.rows - this.#rowsForOthers(sequence)))
    // The last token of the known ones gives the next id, and needs a row of logits for it.
    if (sequence.computed + count === sequence.length && sequence.wantsTokens) {
      if (sequence.atEnd) return
      const rows = scoring ? count : 1
      if (rows > budget.rows) count -= 1
    }
    if (count <= 0 || !this.#makeRoom(sequence, sequence.computed + count, step)) return
    this.blocks.grow(sequence.table, sequence.computed + count)
    const item = this.#chunk(sequence, count, copies)
    budget.tokens -= count
    budget.rows -= (item.chunk.sampler ? 1 : 0) + (item.chunk.promptLogprobs?.targets.length ?? 0)
    sequence.computed += count
    this.blocks.remember(sequence.table, sequence.ids, sequence.computed)
    if (item.chunk.sampler) sequence.pending += 1
    step.push(item)
  }

  #chunk(sequence: Sequence, count: number, copies: Copies): ScheduledChunk {
    const { request, computed: start } = sequence
    const end = start + count
    const onGpu = end > sequence.ids.length
    const samples = end === sequence.length && sequence.wantsTokens
    const targets =
      request.promptLogprobs === null
        ? []
        : sequence.ids.slice(start + 1, Math.min(end + 1, sequence.promptTokens))
    const chunk: StepChunk = {
      slot: sequence.slot!,
      start,
      ids: onGpu ? 'sampled' : sequence.ids.slice(start, end),
      blocks: sequence.table.blocks,
      ...copies,
      sampler: samples ? this.#sampler(sequence) : null,
      logprobs: samples ? request.logprobs : null,
      promptLogprobs: targets.length > 0 ? { targets, top: request.promptLogprobs! } : null,
    }
    return { sequence, epoch: sequence.epoch, count, chunk }
  }

  /** How the next id is drawn, with the ids before it where the GPU is to begin to count them. */
  #sampler(sequence: Sequence): SamplerSettings {
    const { sampler, ids, promptTokens } = sequence
    if (sequence.counted || !seesHistory(sampler)) return sampler
    // All of them are known: none has been drawn since the sequence got its slot.
    sequence.counted = true
    return { ...sampler, history: { ids: [...ids], promptTokens } }
  }

  /** Copies give way to sequences. */
  #hasRoom(table: BlockTable, tokens: number): boolean {
    if (this.blocks.canGrow(table, tokens)) return true
    for (const prefix of this.held) prefix.release()
    return this.blocks.canGrow(table, tokens)
  }

  /** Preempts sequences behind this one until there are blocks; false when the sequence must wait itself. */
  #makeRoom(sequence: Sequence, tokens: number, step: readonly ScheduledChunk[]): boolean {
    while (!this.#hasRoom(sequence.table, tokens)) {
      const victim = this.running.findLast((other) => goesBefore(sequence, other) && !isIn(step, other))
      if (!victim) return this.#preemptOrWait(sequence, step)
      this.#preempt(victim)
    }
    return true
  }

  /** The last gives way to nobody in particular: it waits while others run, else it goes back to the queue. */
  #preemptOrWait(sequence: Sequence, step: readonly ScheduledChunk[]): boolean {
    const othersRun = this.running.some((other) => goesBefore(other, sequence))
    if (othersRun && !isIn(step, sequence)) this.#preempt(sequence)
    return false
  }

  #preempt(sequence: Sequence): void {
    this.#leave(sequence)
    sequence.startAgain()
    this.add(sequence)
  }

  /** Takes an ended sequence out. */
  remove(sequence: Sequence): void {
    this.#leave(sequence)
    const waiting = this.waiting.indexOf(sequence)
    if (waiting >= 0) this.waiting.splice(waiting, 1)
  }

  /** Holds what the cache knows of the ids' beginning; the caller lets go of it by `letGo`. */
  hold(ids: readonly number[]): HeldPrefix {
    const prefix = new HeldPrefix(ids, this.blocks)
    this.held.add(prefix)
    return prefix
  }

  letGo(prefix: HeldPrefix): void {
    prefix.release()
    this.held.delete(prefix)
  }

  /**
   * Gives back a sequence's slot and blocks. Steps in flight still write to both, and no later step minds: the GPU runs
   * them in the order of their submits.
   */
  #leave(sequence: Sequence): void {
    const place = this.running.indexOf(sequence)
    if (place >= 0) this.running.splice(place, 1)
    if (sequence.slot !== null) this.#freeSlots.push(sequence.slot)
    sequence.slot = null
    this.blocks.remember(sequence.table, sequence.ids, sequence.computed)
    this.blocks.release(sequence.table)
  }
}

/** Tokens of the sequence that are there when the step begins. */
function computedBefore(sequence: Sequence, step: readonly ScheduledChunk[]): number {
  return step.find((item) => item.sequence === sequence)?.chunk.start ?? sequence.computed
}

function isIn(step: readonly ScheduledChunk[], sequence: Sequence): boolean {
  return step.some((item) => item.sequence === sequence)
}

function insertInOrder(list: Sequence[], sequence: Sequence): void {
  const place = list.findIndex((other) => goesBefore(sequence, other))
  list.splice(place < 0 ? list.length : place, 0, sequence)
}

function goesBefore(a: Sequence, b: Sequence): boolean {
  const [first, second] = [a.request.priority, b.request.priority]
  return first === second ? a.number < b.number : first < second
}
