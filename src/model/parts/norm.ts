import { norm as normKernel } from '../../kernels/norm'
import type { BatchShape } from '../batch'
import type { NormTensors } from '../tensor-finder'
import { type PlanContext, tokensOf } from './context'

/** Where normalized rows go: to rows of the context's stride, or of one of their own from a place in them. */
export interface NormedPlace {
  readonly to: GPUBuffer
  readonly toStride?: number
  readonly toOffset?: number
}

interface NormedRows extends NormedPlace {
  readonly constants: GPUBuffer
  readonly from: GPUBuffer
  /** f32 values from one row of `from` to the next, where they are not the stream's. */
  readonly fromStride?: number
  readonly adds?: boolean
  readonly scale?: number
  readonly count?: (shape: BatchShape) => number
}

/** Rows, normalized one by one. */
export function planNorm(
  { plan, variants, stride }: Pick<PlanContext, 'plan' | 'variants' | 'stride'>,
  norm: NormTensors,
  rows: NormedRows,
): void {
  const { constants, from, to, adds = false, scale = 1, count = tokensOf } = rows
  const { fromStride = stride, toStride = stride, toOffset = 0 } = rows
  const { kind, width, weightAt, biasAt, epsilon } = norm
  plan.add(normKernel, {
    variant: {
      constants: { workgroup_size: variants.rowLanes },
      conditions: { centered: kind === 'layer', weighted: true, biased: biasAt !== null, residual: adds },
    },
    buffers: { x: from, constants, y: to },
    params: {
      width,
      x_stride: fromStride,
      x_offset: 0,
      y_stride: toStride,
      y_offset: toOffset,
      weight_offset: weightAt,
      weight_stride: 0,
      bias_offset: biasAt ?? 0,
      eps: epsilon,
      scale,
    },
    shape: (shape) => (count(shape) > 0 ? { tokens: count(shape), width } : null),
  })
}
