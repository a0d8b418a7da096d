import { expect, it } from 'vitest'
import { noOpGpu } from '../../../bench/no-op-gpu'
import type { GpuRunner } from '../../../src/model/runner'
import { greedy, type StepChunk } from '../../../src/model/step'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'
import { randomNumbers } from '../../support/tiny-model-tensors'
import { watchDevices, watchMethod } from '../../support/watch-device'

interface Recorded {
  readonly runner: GpuRunner
  /** The grid of each dispatch, in order. */
  readonly grids: unknown[]
}

/** A model on a device that does nothing but keep the grids that it is asked for. */
async function loadRecorded(): Promise<Recorded> {
  const grids: unknown[] = []
  const gpu = watchDevices(noOpGpu(), (device) => {
    // The device that does nothing gives one pass, again and again.
    const pass = device.createCommandEncoder().beginComputePass()
    watchMethod(pass, 'dispatchWorkgroups', (_, grid) => grids.push(grid))
  })
  const { runner } = await loadModelBytes(tinyModel({ contextLength: 1024 }).file, { gpu, maxTokens: 1024 })
  return { runner, grids }
}

async function gridsOf({ runner, grids }: Recorded, chunks: readonly StepChunk[]): Promise<unknown[]> {
  grids.length = 0
  await runner.run(chunks)
  return [...grids]
}

const random = randomNumbers(7)
const below = (limit: number) => Math.floor(limit * random())

/** A decode step or a chunk of a prompt, at the beginning, on either side of a split, or anywhere. */
function randomChunk(slot: number): StepChunk {
  const count = below(3) === 0 ? 1 + below(4) : 1
  const targets = below(5) === 0 ? Array.from({ length: count }, () => 1) : null
  return {
    slot,
    start: [below(3), 62 + below(4), 126 + below(4), below(900)][below(4)]!,
    ids: count === 1 && targets === null ? 'sampled' : Array.from({ length: count }, () => 1),
    blocks: Array.from({ length: 32 }, (_, block) => block),
    sampler: below(3) === 0 ? null : { ...greedy, repetitionPenalty: below(2) === 0 ? 1 : 1.1 },
    logprobs: below(3) === 0 ? 2 : null,
    promptLogprobs: targets && { targets, top: 1 },
    copyBlock: null,
    copyState: null,
  }
}

/** The batch with another chunk in it, one more, or one less. */
function changed(batch: readonly StepChunk[]): StepChunk[] {
  const slot = below(4)
  return [...batch.filter((chunk) => chunk.slot !== slot), ...(below(5) === 0 ? [] : [randomChunk(slot)])]
}

/** A batch that has no grid in common with those above. */
const other: readonly StepChunk[] = [
  {
    slot: 0,
    start: 0,
    ids: Array.from({ length: 100 }, () => 1),
    blocks: [0, 1, 2, 3],
    sampler: null,
    logprobs: null,
    promptLogprobs: null,
    copyBlock: null,
    copyState: null,
  },
]

it('dispatches the same grids for a batch whatever batch came before it', async () => {
  const [used, afresh] = [await loadRecorded(), await loadRecorded()]
  let batch: readonly StepChunk[] = [randomChunk(0)]
  for (let step = 0; step < 1500; step++) {
    batch = changed(batch)
    if (batch.length === 0) continue
    await gridsOf(afresh, other)
    expect(await gridsOf(used, batch)).toEqual(await gridsOf(afresh, batch))
  }
})
