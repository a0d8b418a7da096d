import { kernel, storage } from '../gpu/kernel'
import { int8GroupWords } from './int8-rows'
import {
  type MatmulShape,
  madeConditions,
  madeParams,
  matmul,
  matvec,
  productBindings,
  productBytes,
  productConditions,
  productParams,
} from './matmul'
import { groupWeights } from './weights/format'

const bindings = {
  ...productBindings,
  /** As `int8Rows` writes them: x_stride and x_offset are fours of words. */
  x: storage('read', 'vec4u', ['tokens', 'groups', 'words / 4']),
} as const

const conditions = [...productConditions, 'packed_dot'] as const

/** Fours of words from one row to the next. */
export function int8Stride(columns: number): number {
  return (columns / groupWeights) * (int8GroupWords / 4)
}

/**
 * As `matvec` without `experts`, with activations that are integers of eight bits and weights that are: the module has `codes`. Of a group of
 * 32 the products are summed as integers, so in any order the same, and added with `fma` times both scales; the sum of a
 * matrix's row has the same order as there. `packed_dot`: by `dot4I8Packed`, else two products by one
 * multiplication (lib/integers.wgsl).
 */
export const int8Matvec = kernel({
  shader: 'int8_matvec',
  bindings,
  params: productParams,
  constants: ['workgroup_size', 'segment_lanes', 'activation'],
  conditions,
  grid: (shape, constants) => matvec.grid(shape, { ...constants, columns: 1 }),
  bytes: productBytes,
})

/**
 * As `int8Matvec` of rows that each workgroup rounds by itself, in workgroup memory, as `int8Rows` does: of those in storage, or with
 * `normalizes` and `combines` of rows that it makes as `matvec` does. `row_quads` of the module is three for each group, or what a made
 * row has. Compiled with `rounds`.
 */
export const int8MatvecRounding = kernel({
  ...int8Matvec,
  bindings: productBindings,
  params: { ...productParams, ...madeParams },
  conditions: [...conditions, ...madeConditions, 'rounds'],
  grid: (shape: MatmulShape, constants) => int8Matvec.grid(shape, constants),
})

/** As `int8Matvec`, for many tokens, with the lanes of `matmul`. */
export const int8Matmul = kernel({
  shader: 'int8_matmul',
  bindings,
  params: productParams,
  constants: ['workgroup_size', 'tokens_per_lane', 'activation'],
  conditions,
  grid: (shape, constants) => matmul.grid(shape, constants),
  bytes: productBytes,
})
