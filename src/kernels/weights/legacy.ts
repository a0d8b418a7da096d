import { blockFormat, type WeightFormat } from './format'

/** ggml's types of short blocks with nothing but their own scales. */
export const legacyFormats: readonly WeightFormat[] = [
  blockFormat({
    name: 'Q4_0',
    module: 'q4_0',
    integers: true,
    weights: 32,
    fields: [
      { plane: 'scales', bytes: 2 },
      { plane: 'quants', bytes: 16, bits: 4, row: 16 },
    ],
  }),
  blockFormat({
    name: 'Q4_1',
    module: 'q4_1',
    integers: true,
    weights: 32,
    fields: [
      { plane: 'scales', bytes: 4 },
      { plane: 'quants', bytes: 16, bits: 4, row: 16 },
    ],
  }),
  blockFormat({
    name: 'Q5_0',
    module: 'q5',
    conditions: { minimum: false },
    integers: true,
    weights: 32,
    fields: [
      { plane: 'scales', bytes: 2 },
      { plane: 'high', bytes: 4, bits: 1 },
      { plane: 'quants', bytes: 16, bits: 4, row: 16 },
    ],
  }),
  blockFormat({
    name: 'Q5_1',
    module: 'q5',
    conditions: { minimum: true },
    integers: true,
    weights: 32,
    fields: [
      { plane: 'scales', bytes: 4 },
      { plane: 'high', bytes: 4, bits: 1 },
      { plane: 'quants', bytes: 16, bits: 4, row: 16 },
    ],
  }),
  blockFormat({
    name: 'Q8_0',
    module: 'q8_0',
    integers: true,
    weights: 32,
    fields: [
      { plane: 'scales', bytes: 2 },
      { plane: 'quants', bytes: 32 },
    ],
  }),
  blockFormat({
    name: 'Q1_0',
    module: 'q2_0',
    conditions: { single: true },
    constants: { sharing: 2 },
    weights: 128,
    fields: [
      { plane: 'supers', bytes: 2 },
      { plane: 'quants', bytes: 16, bits: 1 },
    ],
  }),
  blockFormat({
    name: 'Q2_0',
    module: 'q2_0',
    conditions: { single: false },
    constants: { sharing: 1 },
    weights: 64,
    fields: [
      { plane: 'supers', bytes: 2 },
      { plane: 'quants', bytes: 16, bits: 2 },
    ],
  }),
]
