import { expect, it } from 'vitest'
import { BatchWriter, batchLayout } from '../../../src/model/batch'
import { greedy, type StepChunk } from '../../../src/model/step'

const limits = {
  maxSequences: 4,
  maxBatchTokens: 32,
  maxLogitRows: 8,
  blockSize: 4,
  blocks: 64,
  maxContext: 200,
  vocabSize: 1000,
  hasState: false,
}

function chunk(slot: number, start: number, ids: StepChunk['ids']): StepChunk {
  return {
    slot,
    start,
    ids,
    blocks: [3, 2, 1],
    copyBlock: null,
    copyState: null,
    sampler: greedy,
    logprobs: null,
    promptLogprobs: null,
  }
}

it('lists each chunk with its rows, its position and its slot', () => {
  const layout = batchLayout(limits)
  const writer = new BatchWriter(layout, limits, 8)
  writer.write([chunk(1, 0, [1]), chunk(0, 0, [1]), chunk(2, 0, [1]), chunk(3, 0, [1])])
  const { shape } = writer.write([chunk(3, 7, 'sampled'), chunk(0, 0, [5, 6, 7]), chunk(2, 4, [8, 9])])
  expect(shape.chunks).toBe(3)
  expect([...writer.words.subarray(layout.chunks, layout.chunks + 12)]).toEqual([
    ...[0, 1, 7, 3],
    ...[1, 3, 0, 0],
    ...[4, 2, 4, 2],
  ])
})
