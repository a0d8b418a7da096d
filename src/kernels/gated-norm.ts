import { kernel, storage } from '../gpu/kernel'

/**
 * What follows a scan: y = scale · norm(x) · weight · silu(gate_scale · gate), or with `gate_first`
 * y = scale · norm(x · silu(gate_scale · gate)) · weight, or where it is not `normed` y = scale · x · silu(gate_scale · gate).
 *
 * The norm is RMSNorm over each group of `width` values. Group g's gates lie at
 * ⌊g / gate_run⌋ · gate_run_stride + g % gate_run · width from gate_offset: `gate_run` is the number of groups where they lie
 * together. Its weights lie at g · weight_stride: 0 where all groups have the same.
 */
export const gatedNorm = kernel({
  shader: 'gated_norm',
  bindings: {
    x: storage('read', 'f32', ['tokens', 'x_stride']),
    gate: storage('read', 'f32', ['tokens', 'gate_stride']),
    constants: storage('read', 'f32', ['constants']),
    y: storage('read_write', 'f32', ['tokens', 'y_stride']),
  },
  params: {
    width: 'u32',
    x_stride: 'u32',
    gate_stride: 'u32',
    gate_offset: 'u32',
    gate_run: 'u32',
    gate_run_stride: 'u32',
    gate_scale: 'f32',
    weight_offset: 'u32',
    weight_stride: 'u32',
    y_stride: 'u32',
    scale: 'f32',
    eps: 'f32',
  },
  constants: ['workgroup_size'],
  conditions: ['normed', 'gate_first'],
  grid: ({ tokens, groups }: { tokens: number; groups: number; width: number }) => [groups, tokens, 1],
  bytes: ({ tokens, groups, width }) => 4 * groups * width * (3 * tokens + 1),
})
