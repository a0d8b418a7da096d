import { repackQ4K, repackQ6K } from '../repack'
import { halfWords, planesOf, type WeightFormat } from './format'

/** ggml's types of super-blocks of 256. */
export const kFormats: readonly WeightFormat[] = [
  {
    name: 'Q4_K',
    module: 'q4_k',
    conditions: { fifth: false },
    unitBytes: 144,
    unitWeights: 256,
    repack: repackQ4K,
    planes: (groups) => planesOf(4 * groups, [['scales', groups / 2]]),
  },
  {
    name: 'Q5_K',
    module: 'q4_k',
    conditions: { fifth: true },
    unitBytes: 176,
    unitWeights: 256,
    repack: repackQ4K,
    repackConditions: { fifth: true },
    planes: (groups) =>
      planesOf(4 * groups, [
        ['scales', groups / 2],
        ['high', groups],
      ]),
  },
  {
    name: 'Q6_K',
    module: 'q6_k',
    unitBytes: 210,
    unitWeights: 256,
    repack: repackQ6K,
    planes: (groups) =>
      planesOf(4 * groups, [
        ['high', 2 * groups],
        ['scales', halfWords(groups)],
        ['supers', halfWords(Math.ceil(groups / 8))],
      ]),
  },
]
