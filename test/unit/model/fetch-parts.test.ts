import { beforeEach, expect, it, vi } from 'vitest'
import type { fetchParts as Fetch } from '../../../src/model/fetch-parts'
import type { lazyParts as Parts } from '../../../src/model/lazy-parts'

// With nothing fetched, unlike in other tests.
let fetchParts: typeof Fetch
let parts: typeof Parts
beforeEach(async () => {
  vi.resetModules()
  ;({ fetchParts } = await import('../../../src/model/fetch-parts'))
  parts = (await import('../../../src/model/lazy-parts')).lazyParts
})

async function fetchedFor(type: string, more: readonly (readonly [string, string | number])[] = []) {
  const metadata = new Map<string, string | number>([
    ['general.architecture', 'qwen3'],
    ['qwen3.block_count', 1],
    ['qwen3.context_length', 512],
    ['qwen3.embedding_length', 256],
    ['qwen3.feed_forward_length', 256],
    ['qwen3.attention.head_count', 4],
    ['qwen3.attention.layer_norm_rms_epsilon', 1e-6],
    ...more,
  ])
  const tensors = [{ name: 'token_embd.weight', type, dims: [256, 8], offset: 0, bytes: 0 }]
  await fetchParts({ kind: 'gguf', metadata, tensors, fileBytes: 0 })
  return Object.entries(parts).flatMap(([name, part]) => {
    try {
      return part.fetched && [name]
    } catch {
      return []
    }
  })
}

it('fetches no part for a model that writes, of weights as most have them', async () => {
  expect(await fetchedFor('Q4_K')).toEqual([])
})

it('fetches the grids that weights index', async () => {
  for (const type of ['IQ1_M', 'IQ3_S']) expect(await fetchedFor(type)).toEqual(['gridTables'])
})

it('fetches what reads a model’s vectors before it is described', async () => {
  expect(await fetchedFor('Q8_0', [['qwen3.pooling_type', 3]])).toEqual(['vectorSettings', 'pooled'])
})
