import { LazyPart } from '../../util/lazy-part'
import { type BlockField, blockFormat, type WeightFormat } from './format'

/** What the grid types index; needed as soon as a matrix is made that has a `table`. */
export const gridTables = new LazyPart('weights that index tables', () => import('./grids'))

/** Types that index a grid, and the words of its table. */
const gridWords = {
  IQ1_S: 1024,
  IQ1_M: 1024,
  IQ2_XXS: 512,
  IQ2_XS: 1024,
  IQ2_S: 2048,
  IQ3_XXS: 256,
  IQ3_S: 512,
} as const

/** Four bits a weight, an index into a table of 16 numbers. */
function four(
  name: string,
  weights: number,
  conditions: Readonly<Record<string, boolean>>,
  fields: readonly BlockField[],
): WeightFormat {
  const others = { iq4_nl: false, iq4_xs: false, mxfp4: false, nvfp4: false }
  return blockFormat({ name, module: 'iq4', weights, conditions: { ...others, ...conditions }, fields })
}

/** Indices into a grid of runs of weights, and d for each 256. */
function grid(
  module: string,
  name: keyof typeof gridWords,
  conditions: Readonly<Record<string, boolean>>,
  fields: readonly BlockField[],
): WeightFormat {
  const table = () => gridTables.fetched.grids[name].table()
  const others = { xxs: false, xs: false, four: false, m: false }
  const layout = { name, module, weights: 256, conditions: { ...others, ...conditions }, fields }
  return blockFormat({ ...layout, tableWords: gridWords[name], table })
}

const d: BlockField = { plane: 'supers', bytes: 2 }

/** ggml's types whose codes are indices. */
export const iqFormats: readonly WeightFormat[] = [
  four('IQ4_NL', 32, { iq4_nl: true }, [
    { plane: 'scales', bytes: 2 },
    { plane: 'quants', bytes: 16, bits: 4, row: 16 },
  ]),
  four('IQ4_XS', 256, { iq4_xs: true }, [
    { plane: 'supers', bytes: 8 },
    { plane: 'quants', bytes: 128, bits: 4, row: 16 },
  ]),
  four('MXFP4', 32, { mxfp4: true }, [
    { plane: 'scales', bytes: 1 },
    { plane: 'quants', bytes: 16, bits: 4, row: 16 },
  ]),
  four('NVFP4', 64, { nvfp4: true }, [
    { plane: 'scales', bytes: 4 },
    { plane: 'quants', bytes: 32, bits: 4, row: 8 },
  ]),
  grid('iq2', 'IQ2_XXS', { xxs: true }, [d, { plane: 'quants', bytes: 64 }]),
  grid('iq2', 'IQ2_XS', { xs: true }, [d, { plane: 'quants', bytes: 64 }, { plane: 'scales', bytes: 8 }]),
  grid('iq2', 'IQ2_S', {}, [
    d,
    { plane: 'quants', bytes: 32 },
    { plane: 'signs', bytes: 32 },
    { plane: 'high', bytes: 8 },
    { plane: 'scales', bytes: 8 },
  ]),
  grid('iq2', 'IQ3_XXS', { xxs: true, four: true }, [
    d,
    { plane: 'quants', bytes: 64 },
    { plane: 'signs', bytes: 32 },
  ]),
  grid('iq2', 'IQ3_S', { four: true, long_octets: true }, [
    d,
    { plane: 'quants', bytes: 64 },
    { plane: 'high', bytes: 8 },
    { plane: 'signs', bytes: 32 },
    { plane: 'scales', bytes: 4 },
  ]),
  grid('iq1', 'IQ1_S', { m: false }, [d, { plane: 'quants', bytes: 32 }, { plane: 'high', bytes: 16 }]),
  grid('iq1', 'IQ1_M', { m: true }, [
    { plane: 'quants', bytes: 32 },
    { plane: 'high', bytes: 16 },
    { plane: 'scales', bytes: 8 },
  ]),
]
