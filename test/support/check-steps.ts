import { vi } from 'vitest'
import { type ScheduledChunk, Scheduler } from '../../src/engine/scheduler'
import type { Sequence } from '../../src/engine/sequence'

/** What the schedule of a step must not change unseen, as it was before. */
interface Before {
  readonly running: readonly Sequence[]
  /** The blocks of each sequence that has any. */
  readonly held: ReadonlyMap<Sequence, readonly number[]>
  readonly preemptions: number
}

export interface StepChecks {
  /** That were seen so far. */
  readonly preemptions: number
  stop(): void
}

/** Checks every step of every scheduler until it is stopped. */
export function checkEveryStep(): StepChecks {
  const { schedule } = Scheduler.prototype
  let preemptions = 0
  const spy = vi.spyOn(Scheduler.prototype, 'schedule').mockImplementation(function (this: Scheduler) {
    const before: Before = {
      running: [...this.running],
      held: new Map(sequencesOf(this).map((sequence) => [sequence, [...sequence.table.blocks]])),
      preemptions: preemptionsOf(this),
    }
    const step = schedule.call(this)
    checkStep(this, before, step)
    preemptions += preemptionsOf(this) - before.preemptions
    return step
  })
  return {
    get preemptions() {
      return preemptions
    },
    stop: () => spy.mockRestore(),
  }
}

function checkStep(scheduler: Scheduler, before: Before, step: readonly ScheduledChunk[]): void {
  scheduler.blocks.checkIntegrity(sequencesOf(scheduler).map(({ table }) => table))
  checkLimits(scheduler, step)
  checkOrder(scheduler, before, step)
  checkBlocks(scheduler, before, step)
  checkDecodesFirst(scheduler, before, step)
}

function checkLimits({ limits, running }: Scheduler, step: readonly ScheduledChunk[]): void {
  const tokens = step.reduce((sum, { count }) => sum + count, 0)
  if (tokens > limits.maxBatchTokens) fail(`a step has ${tokens} tokens`)
  const rows = step.reduce(
    (sum, { chunk }) => sum + (chunk.sampler ? 1 : 0) + (chunk.promptLogprobs?.targets.length ?? 0),
    0,
  )
  if (rows > limits.maxLogitRows) fail(`a step has ${rows} logit rows`)
  const slots = running.map(({ slot }) => slot)
  if (slots.includes(null) || new Set(slots).size < slots.length) fail(`slots are ${slots.join()}`)
  if (slots.some((slot) => slot! >= limits.maxSequences)) fail(`slots are ${slots.join()}`)
  for (const { sequence, chunk } of step) {
    if (sequence.done || sequence.slot !== chunk.slot) fail('a sequence is computed that does not run')
  }
}

function checkOrder({ running, waiting }: Scheduler, before: Before, step: readonly ScheduledChunk[]): void {
  for (const list of [running, waiting]) {
    list.forEach((sequence, i) => {
      if (i > 0 && !goesBefore(list[i - 1]!, sequence)) fail('sequences are not in order')
    })
  }
  for (const { sequence } of step) {
    const admitted = !before.running.includes(sequence)
    if (admitted && waiting.some((other) => goesBefore(other, sequence))) fail('a sequence was overtaken')
  }
}

/** A step writes to blocks that no other sequence had, and that none gets in it but as a whole. */
function checkBlocks(scheduler: Scheduler, before: Before, step: readonly ScheduledChunk[]): void {
  const { blockSize } = scheduler.limits
  const written = new Map<number, Sequence>()
  for (const { sequence, chunk, count } of step) {
    const end = chunk.start + count
    for (let i = Math.floor(chunk.start / blockSize); i * blockSize < end; i++) {
      const block = sequence.table.blocks[i]
      if (block === undefined) fail('a sequence has too few blocks')
      if (written.has(block)) fail(`block ${block} is written by two sequences in a step`)
      written.set(block, sequence)
      for (const other of sequencesOf(scheduler)) {
        if (other === sequence || !other.table.blocks.includes(block)) continue
        if (before.held.get(other)?.includes(block)) fail(`block ${block} is written, and another has it`)
        if ((i + 1) * blockSize > end) fail(`block ${block} is shared before it is full`)
      }
    }
  }
}

/** Where nothing was preempted, only a lack of blocks keeps a running sequence from its next token. */
function checkDecodesFirst(scheduler: Scheduler, before: Before, step: readonly ScheduledChunk[]): void {
  const decodes = step.map(({ sequence, chunk }) => chunk.start >= sequence.promptTokens)
  if (
    decodes.includes(true) &&
    decodes.lastIndexOf(true) > decodes.indexOf(false) &&
    decodes.includes(false)
  ) {
    // A recomputed answer is read like a prompt, and may stand behind one.
    const late = step[decodes.lastIndexOf(true)]!
    if (late.count === 1 && late.chunk.ids === 'sampled') fail('a prompt goes before a running answer')
  }
  if (preemptionsOf(scheduler) > before.preemptions) return
  for (const sequence of before.running) {
    const waits = sequence.request.constraint !== null && sequence.pending > 0
    const isIn = step.some((item) => item.sequence === sequence)
    if (isIn || sequence.done || sequence.slot === null || !sequence.decoding || sequence.atEnd || waits)
      continue
    if (scheduler.blocks.canGrow(sequence.table, sequence.length)) fail('a running answer stands still')
  }
}

function sequencesOf({ running, waiting }: Scheduler): Sequence[] {
  return [...running, ...waiting]
}

function preemptionsOf(scheduler: Scheduler): number {
  return sequencesOf(scheduler).reduce((sum, { epoch }) => sum + epoch, 0)
}

function goesBefore(a: Sequence, b: Sequence): boolean {
  const byPriority = a.request.priority - b.request.priority
  return (byPriority || a.number - b.number) < 0
}

function fail(what: string): never {
  throw new Error(`in a step, ${what}`)
}
