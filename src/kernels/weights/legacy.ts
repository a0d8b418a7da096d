import { repackQ4, repackQ8 } from '../repack'
import { halfWords, planesOf, type WeightFormat } from './format'

/** ggml's types of blocks of 32. */
export const legacyFormats: readonly WeightFormat[] = [
  {
    name: 'Q4_0',
    module: 'q4_0',
    unitBytes: 18,
    unitWeights: 32,
    repack: repackQ4,
    planes: (groups) => planesOf(4 * groups, [['scales', halfWords(groups)]]),
  },
  {
    name: 'Q4_1',
    module: 'q4_1',
    unitBytes: 20,
    unitWeights: 32,
    repack: repackQ4,
    repackConditions: { minimum: true },
    planes: (groups) => planesOf(4 * groups, [['scales', groups]]),
  },
  {
    name: 'Q5_0',
    module: 'q5',
    conditions: { minimum: false },
    unitBytes: 22,
    unitWeights: 32,
    repack: repackQ4,
    repackConditions: { fifth: true },
    planes: (groups) =>
      planesOf(4 * groups, [
        ['scales', halfWords(groups)],
        ['high', groups],
      ]),
  },
  {
    name: 'Q5_1',
    module: 'q5',
    conditions: { minimum: true },
    unitBytes: 24,
    unitWeights: 32,
    repack: repackQ4,
    repackConditions: { minimum: true, fifth: true },
    planes: (groups) =>
      planesOf(4 * groups, [
        ['scales', groups],
        ['high', groups],
      ]),
  },
  {
    name: 'Q8_0',
    module: 'q8_0',
    unitBytes: 34,
    unitWeights: 32,
    repack: repackQ8,
    planes: (groups) => planesOf(8 * groups, [['scales', halfWords(groups)]]),
  },
]
