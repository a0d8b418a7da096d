import { repackIq4Xs, repackMxfp4, repackNvfp4, repackQ4 } from '../repack'
import { halfWords, planesOf, type WeightFormat } from './format'

/** ggml's types whose codes index a table. */
export const iqFormats: readonly WeightFormat[] = [
  {
    name: 'IQ4_NL',
    module: 'iq4_nl',
    unitBytes: 18,
    unitWeights: 32,
    repack: repackQ4,
    planes: (groups) => planesOf(4 * groups, [['scales', halfWords(groups)]]),
  },
  {
    name: 'IQ4_XS',
    module: 'iq4_xs',
    unitBytes: 136,
    unitWeights: 256,
    repack: repackIq4Xs,
    planes: (groups) =>
      planesOf(4 * groups, [
        ['scales', Math.ceil(groups / 4)],
        ['supers', halfWords(Math.ceil(groups / 8))],
      ]),
  },
  {
    name: 'MXFP4',
    module: 'mxfp4',
    unitBytes: 17,
    unitWeights: 32,
    repack: repackMxfp4,
    planes: (groups) => planesOf(4 * groups, [['scales', Math.ceil(groups / 4)]]),
  },
  {
    name: 'NVFP4',
    module: 'nvfp4',
    unitBytes: 36,
    unitWeights: 64,
    repack: repackNvfp4,
    planes: (groups) => planesOf(4 * groups, [['scales', halfWords(groups)]]),
  },
]
