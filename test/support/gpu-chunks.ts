import type { Random } from './gpu-random'

/** Tokens start … start + count − 1 of a sequence, computed in one step, in a slot. */
export interface Piece {
  readonly sequence: number
  readonly slot: number
  readonly start: number
  readonly count: number
}

type Step = readonly Piece[]

/** Each sequence in a slot of its own, all of it in one step. */
export function wholeStep(lengths: readonly number[]): Step {
  return lengths.map((count, i) => ({ sequence: i, slot: i, start: 0, count }))
}

/** Sequences of these lengths in random pieces, some of them in each step, in slots that are used again and again. */
export function raggedSteps(lengths: readonly number[], slots: number, random: Random): Step[] {
  const waiting = lengths.map((_, sequence) => sequence)
  const free = random.permutation(slots)
  let running: { sequence: number; slot: number; done: number }[] = []
  const steps: Step[] = []
  while (waiting.length + running.length > 0) {
    while (free.length > 0 && waiting.length > 0) {
      running.push({ sequence: waiting.shift()!, slot: free.pop()!, done: 0 })
    }
    const step: Piece[] = []
    for (const place of random.permutation(running.length)) {
      const each = running[place]!
      if (random.integer(4) === 0) continue
      const count = Math.min(1 + random.integer(5), lengths[each.sequence]! - each.done)
      step.push({ sequence: each.sequence, slot: each.slot, start: each.done, count })
      each.done += count
    }
    free.push(...running.filter((each) => each.done === lengths[each.sequence]).map(({ slot }) => slot))
    running = running.filter((each) => each.done < lengths[each.sequence]!)
    if (step.length > 0) steps.push(step)
  }
  return steps
}

/** The chunks of a step as the batch lists them, from word `at` on. */
export function chunkWords(step: Step, at: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(at + 4 * step.length).fill(0xffffffff, 0, at)
  let row = 0
  step.forEach(({ slot, start, count }, i) => {
    words.set([row, count, start, slot], at + 4 * i)
    row += count
  })
  return words
}

type Floats = Float32Array<ArrayBuffer>

/** The rows of a step, given each sequence's rows of `width` values. */
export function rowsOf(step: Step, sequences: readonly Floats[], width: number): Floats {
  const rows = step.flatMap(({ sequence, start, count }) => [
    ...sequences[sequence]!.subarray(start * width, (start + count) * width),
  ])
  return Float32Array.from(rows)
}

/** What a kernel with a state gives for each sequence, one [tokens, width] after another. */
export async function runSteps(
  steps: readonly Step[],
  { lengths, width, state }: { lengths: readonly number[]; width: number; state: Floats },
  run: (step: Step, state: Floats) => Promise<{ readonly state: Floats; readonly y: Floats }>,
): Promise<Floats> {
  const begins = lengths.map((_, i) => width * lengths.slice(0, i).reduce((sum, count) => sum + count, 0))
  const results = new Float32Array(width * lengths.reduce((sum, count) => sum + count, 0)).fill(Number.NaN)
  let kept = state
  for (const step of steps) {
    const outputs = await run(step, kept)
    kept = outputs.state
    let row = 0
    for (const { sequence, start, count } of step) {
      const rows = outputs.y.subarray(row * width, (row + count) * width)
      results.set(rows, begins[sequence]! + start * width)
      row += count
    }
  }
  return results
}
