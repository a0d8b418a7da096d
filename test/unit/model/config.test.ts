import { expect, it } from 'vitest'
import { readConfig } from '../../../src/model/read-config'

function header(heads: number, kvHeads: number, headDim: number) {
  const metadata = new Map<string, string | number>([
    ['general.architecture', 'llama'],
    ['llama.block_count', 2],
    ['llama.context_length', 512],
    ['llama.embedding_length', heads * headDim],
    ['llama.feed_forward_length', 256],
    ['llama.attention.head_count', heads],
    ['llama.attention.head_count_kv', kvHeads],
    ['llama.attention.layer_norm_rms_epsilon', 1e-5],
  ])
  return { kind: 'gguf', metadata, tensors: [], fileBytes: 0 } as const
}

it('takes as many query heads for a head of keys as a workgroup has room for, and refuses more by their number', () => {
  expect(readConfig(header(64, 1, 32))).toMatchObject({ heads: 64, kvHeads: 1, headDim: 32 })
  expect(() => readConfig(header(71, 1, 64))).toThrow(/71 query heads share a head.*up to 64/)
  expect(() => readConfig(header(9, 2, 64))).toThrow(/9 is not a multiple of head_count_kv 2/)
})

it('refuses heads of a size that no kernel takes', () => {
  expect(() => readConfig(header(4, 4, 66))).toThrow(/A head has 66 elements; multiples of 4/)
  expect(() => readConfig(header(4, 4, 260))).toThrow(/A head has 260 elements/)
})
