import { blockFormat, type WeightFormat } from './format'

/** ggml's types of super-blocks of 256: the K-quants and the ternary ones. */
export const kFormats: readonly WeightFormat[] = [
  blockFormat({
    name: 'Q2_K',
    module: 'q2_k',
    conditions: { third: false },
    integers: true,
    weights: 256,
    fields: [
      { plane: 'scales', bytes: 16 },
      { plane: 'quants', bytes: 64, bits: 2, row: 32 },
      { plane: 'supers', bytes: 4 },
    ],
  }),
  blockFormat({
    name: 'Q3_K',
    module: 'q2_k',
    conditions: { third: true },
    integers: true,
    weights: 256,
    fields: [
      { plane: 'high', bytes: 32, bits: 1, row: 32 },
      { plane: 'quants', bytes: 64, bits: 2, row: 32 },
      { plane: 'scales', bytes: 12 },
      { plane: 'supers', bytes: 2 },
    ],
  }),
  blockFormat({
    name: 'Q4_K',
    module: 'q4_k',
    conditions: { fifth: false },
    integers: true,
    weights: 256,
    fields: [
      { plane: 'scales', bytes: 16 },
      { plane: 'quants', bytes: 128, bits: 4, row: 32 },
    ],
  }),
  blockFormat({
    name: 'Q5_K',
    module: 'q4_k',
    conditions: { fifth: true },
    integers: true,
    weights: 256,
    fields: [
      { plane: 'scales', bytes: 16 },
      { plane: 'high', bytes: 32, bits: 1, row: 32 },
      { plane: 'quants', bytes: 128, bits: 4, row: 32 },
    ],
  }),
  blockFormat({
    name: 'Q6_K',
    module: 'q6_k',
    integers: true,
    weights: 256,
    fields: [
      { plane: 'quants', bytes: 128, bits: 4, row: 64 },
      { plane: 'high', bytes: 64, bits: 2, row: 32 },
      { plane: 'scales', bytes: 16 },
      { plane: 'supers', bytes: 2 },
    ],
  }),
  blockFormat({
    name: 'TQ1_0',
    module: 'tq1_0',
    weights: 256,
    fields: [
      { plane: 'quants', bytes: 52 },
      { plane: 'supers', bytes: 2 },
    ],
  }),
  blockFormat({
    name: 'TQ2_0',
    module: 'q2_0',
    conditions: { single: false },
    constants: { sharing: 3 },
    weights: 256,
    fields: [
      { plane: 'quants', bytes: 64, bits: 2, row: 32 },
      { plane: 'supers', bytes: 2 },
    ],
  }),
]
