import { kernel, storage } from '../gpu/kernel'
import { activationParams } from './activation'

export interface GatedShape {
  readonly tokens: number
  /** Values that a token gets. */
  readonly width: number
}

/**
 * y[t, i] = act(x[t, i]) · x[t, width + i], or `in_place`: y[t, i] = act(gate) · y[t, i]
 *
 * For gate and up matrices of different tensor types; where they share one, matvec and matmul do it as they store. In
 * place, for what an attention or a shared expert has computed. Gates come in parts: value i of y has gate
 * (i / part) · part_stride + (i % part) · step of the row, so that they may lie between other values; with a step of 0
 * a part has one gate.
 */
export const gated = kernel({
  shader: 'gated',
  bindings: {
    x: storage('read', 'f32', ['tokens', 'x_stride']),
    /** Learned numbers of the activation; any buffer where it has none. */
    constants: storage('read', 'f32', ['constants']),
    y: storage('read_write', 'f32', ['tokens', 'y_stride']),
  },
  params: {
    width: 'u32',
    x_stride: 'u32',
    x_offset: 'u32',
    part: 'u32',
    part_stride: 'u32',
    step: 'u32',
    y_stride: 'u32',
    ...activationParams,
  },
  constants: ['workgroup_size', 'activation'],
  conditions: ['in_place'],
  grid: ({ tokens, width }: GatedShape, { workgroup_size }) => [Math.ceil(width / workgroup_size), tokens, 1],
  bytes: ({ tokens, width }) => 12 * tokens * width,
})

/** Params of rows whose gates lie side by side, with the values to gate behind them or in y. */
export function gatesInRow(width: number) {
  return { width, x_offset: 0, part: width, part_stride: 0, step: 1 }
}
