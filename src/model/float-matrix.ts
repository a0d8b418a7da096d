import { tableOfCodes } from '../kernels/code-packing'
import { weightFormats } from '../kernels/formats'
import { type Packing, packingOf, packRows } from '../kernels/packing'
import { narrow, quantize, quantizeBlocks } from '../kernels/repack'
import { groupWeights, type WeightFormat } from '../kernels/weights/format'
import type { FloatWeights } from '../util/float-weights'
import type { ModelHeader, TensorInfo } from '../util/model-file'

/** What a matrix becomes on the GPU, and how. */
export interface Storage {
  readonly format: WeightFormat
  readonly packing: Packing
}

/**
 * The vocabulary's matrices are read a row at a time, or decide the logits alone: they keep more bits. What is 'exact' is
 * small and decides much (a router, positions): its floats stay.
 */
export type MatrixRole = 'layer' | 'vocabulary' | 'exact'

export const floatTypes: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16'])

/**
 * What is done with the floats of a model. A GGUF file's stay as they are, whoever made it chose them; so do those that
 * a quantized repo left as floats.
 */
export function floatWeightsOf(header: ModelHeader, asked: FloatWeights | null): FloatWeights {
  if (header.kind === 'gguf') return 'exact'
  return asked ?? (isQuantized(header) ? 'exact' : 'int4')
}

/** Whether it is of a repo whose config.json says how its matrices are quantized. */
export function isQuantized(
  header: ModelHeader,
): header is Extract<ModelHeader, { readonly kind: 'safetensors' }> {
  if (header.kind === 'gguf') return false
  const { quantization_config, quantization } = header.texts.config
  // Some configs write null where there is none.
  return (quantization_config ?? quantization ?? null) !== null
}

/**
 * How a matrix of floats with rows of `columns` weights is stored. Four bits are groups of 32 with a minimum: Q4_K
 * where rows are whole blocks of 256, which takes 4.5 bits a weight, else Q4_1, which takes 5 (bench/README.md has the
 * errors). Rows that are no whole groups stay floats.
 */
export function floatStorage(
  type: string,
  columns: number,
  role: MatrixRole,
  floatWeights: FloatWeights,
): Storage {
  if (role === 'exact') return stored(type, type, () => packingOf(weightFormats.get(type)!))
  if (floatWeights === 'int4' && columns % groupWeights === 0) {
    const fourBits = columns % blockWeights === 0 ? 'Q4_K' : 'Q4_1'
    return quantizing(type, role === 'vocabulary' ? 'Q8_0' : fourBits)
  }
  if (floatWeights !== 'exact' && type === 'F32') {
    return stored('F32', 'F16', () => packRows({ kernel: narrow, unitBytes: 8 }, 2))
  }
  return stored(type, type, () => packingOf(weightFormats.get(type)!))
}

/**
 * How a tensor of floats [tables, columns, rows] is stored, whose tables are matrices the other way round, one below the
 * other: GPT-2's Conv1D, gpt-oss's experts. They stay floats, F32 as F16 unless they are to be exact.
 *
 * @param tableRows rows of a table, whose first `columns` go into its matrix
 */
export function transposedStorage(
  { type, bytes }: TensorInfo,
  [columns, rows]: readonly [columns: number, rows: number],
  floatWeights: FloatWeights,
  tableRows = columns,
): Storage {
  const narrowed = type === 'F32' && floatWeights !== 'exact'
  const bits = type === 'F32' ? 32 : 16
  const packing = tableOfCodes({
    bits,
    width: narrowed ? 16 : bits,
    narrowed,
    unitCodes: 1,
    transposed: true,
    tableRows,
    tensorBytes: bytes,
    rowUnits: rows,
    rowCodes: Math.ceil(columns / groupWeights) * groupWeights,
    rowWeights: columns,
  })
  return { format: weightFormats.get(narrowed ? 'F16' : type)!, packing }
}

/** Weights of a block of Q4_K. */
const blockWeights = 256

function quantizing(type: string, target: 'Q4_K' | 'Q4_1' | 'Q8_0'): Storage {
  return stored(type, target, () => {
    const supers = target === 'Q4_K'
    const unitWeights = supers ? blockWeights : groupWeights
    const conditions = {
      wide: type === 'F32',
      bfloat: type === 'BF16',
      bytes: target === 'Q8_0',
      supers,
    }
    const unitBytes = unitWeights * (type === 'F32' ? 4 : 2)
    return packRows({ kernel: supers ? quantizeBlocks : quantize, conditions, unitBytes }, unitWeights)
  })
}

const packings = new Map<string, Packing>()

/** The same packing for the same pair of types: a pipeline is compiled once for each. */
function stored(type: string, target: string, make: () => Packing): Storage {
  const name = `${type} ${target}`
  const packing = packings.get(name) ?? make()
  packings.set(name, packing)
  return { format: weightFormats.get(target)!, packing }
}
