import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { Scheduler } from '../../../src/engine/scheduler'
import { Sequence } from '../../../src/engine/sequence'
import { StopText } from '../../../src/engine/stop-text'
import { prompt, request } from './generate'

const limits = {
  maxSequences: 4,
  maxBatchTokens: 131072,
  maxLogitRows: 8,
  blockSize: 32,
  blocks: 4096,
  maxContext: 131072,
  vocabSize: 1000,
  hasState: false,
}
const steps = 320

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that the scheduler makes in a decode step, blocks that fill included, of one sequence with a long prompt. */
function bytesPerStep(promptTokens: number): number {
  const scheduler = new Scheduler(limits)
  const words = { push: () => '', finish: () => '' }
  const hooks = { onEvents: () => {}, onEnd: () => {}, detokenizer: words, eosIds: [0] }
  const asked = request(prompt(promptTokens), { maxTokens: 4000 })
  const sequence = new Sequence(asked, hooks, new StopText(words, [], false), 0, null, { computedBy: null })
  scheduler.add(sequence)
  scheduler.schedule()
  const turn = () => {
    scheduler.schedule()
    // The step before is read: one is in flight.
    sequence.pending -= 1
    sequence.ids.push(7)
  }
  expect(scheduler.schedule()[0]!.chunk.ids).toBe('sampled')
  const made = [1, 2, 3, 4].map(() => {
    for (let i = 0; i < steps; i++) turn()
    collect()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < steps; i++) turn()
    return (process.memoryUsage().heapUsed - before) / steps
  })
  // A collection in between makes one of them too small; a list that grows, too large.
  return made.sort((a, b) => a - b)[2]!
}

it('the scheduler leaves as little behind in a decode step at a long context as at a short one', () => {
  bytesPerStep(100)
  const [short, long] = [bytesPerStep(100), bytesPerStep(100000)]
  expect(short).toBeGreaterThan(0)
  // Four bytes for each of its 3,125 blocks would be 12,500. The engine’s own work on the heap is some hundred.
  expect(long).toBeLessThan(short + 4000)
})
