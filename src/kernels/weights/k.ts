import { repackQ6K } from '../repack'
import { halfWords, planesOf, type WeightFormat } from './format'

/** ggml's types of super-blocks of 256. */
export const kFormats: readonly WeightFormat[] = [
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
