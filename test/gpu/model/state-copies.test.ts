import { expect, it } from 'vitest'
import { type LayerState, StateCopies } from '../../../src/model/state-copies'
import type { StepChunk } from '../../../src/model/step'
import { openTestGpu, readBuffer } from '../../support/gpu'

const gpu = await openTestGpu()

function chunk(slot: number, copyState: number | null): StepChunk {
  return {
    slot,
    start: 0,
    ids: [1],
    blocks: [0],
    copyBlock: null,
    copyState,
    sampler: null,
    logprobs: null,
    promptLogprobs: null,
  }
}

it('copies a slot’s state in all layers to the slots that want it, one chunk after another', async () => {
  const slots = 5
  const layers = [16, 48].map((slotBytes, layer): LayerState & { words: Uint32Array<ArrayBuffer> } => {
    const buffer = gpu.storage(`layer ${layer} state`, slots * slotBytes)
    const words = Uint32Array.from(
      { length: (slots * slotBytes) / 4 },
      (_, i) => 100 * layer + Math.floor((4 * i) / slotBytes),
    )
    gpu.device.queue.writeBuffer(buffer, 0, words)
    return { buffer, slotBytes, words }
  })
  const copies = new StateCopies(gpu, layers)
  const encoder = gpu.device.createCommandEncoder()
  // Slot 3 is read before it is written.
  copies.record(encoder, [chunk(1, null), chunk(0, 3), chunk(4, 3), chunk(3, 2)])
  gpu.device.queue.submit([encoder.finish()])
  for (const [layer, { buffer, slotBytes }] of layers.entries()) {
    const words = new Uint32Array(await readBuffer(gpu, buffer, slots * slotBytes))
    const expected = [3, 1, 2, 2, 3].flatMap((slot) => new Array(slotBytes / 4).fill(100 * layer + slot))
    expect([...words]).toEqual(expected)
  }
})
