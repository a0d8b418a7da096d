import type { GpuDevice } from '../../gpu/device'
import type { Activation } from '../../kernels/activation'
import { pool, poolings } from '../../kernels/pool'
import type { BatchShape } from '../batch'
import type { Constants } from '../constants'
import type { PooledDescription } from '../description'
import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { NormTensors, TensorFinder } from '../tensor-finder'
import type { PlanContext } from './context'
import { planNorm } from './norm'

/** What makes one vector, or scores, of a sequence's rows, with its tensors. */
export interface PooledTensors extends Pick<PooledDescription, 'pooling' | 'normalized'> {
  readonly layers: readonly PooledLayerTensors[]
  /** Floats of what a sequence becomes. */
  readonly outputs: number
}

interface PooledLayerTensors {
  readonly matrix: MatrixSource
  readonly biasAt: number | null
  readonly activation: Activation
  readonly norm: NormTensors | null
}

export function findPooled(
  find: TensorFinder,
  { pooling, normalized, layers }: PooledDescription,
  hidden: number,
  constants: Constants,
): PooledTensors {
  let width = hidden
  const found = layers.map(({ projection, activation, norm }, i): PooledLayerTensors => {
    const { rows } = projection
    const [matrix] = find.matrix(`pooled ${i}`, [projection], width, 'exact')
    width = rows
    return {
      matrix: matrix!,
      biasAt: find.biases([projection], constants),
      activation,
      norm: find.norm(norm, rows, constants),
    }
  })
  return { pooling, normalized, layers: found, outputs: width }
}

/** A row for each sequence of a batch. */
export interface PooledRows {
  /** f32 [sequences, stride], whole eights of rows; what is made last is in the first. */
  readonly rows: readonly [GPUBuffer, GPUBuffer]
  /** f32 values from one row to the next. */
  readonly stride: number
}

export function createPooledRows(
  gpu: GpuDevice,
  { layers }: PooledTensors,
  hidden: number,
  maxSequences: number,
): PooledRows {
  const stride = paddedColumns(Math.max(hidden, ...layers.map(({ matrix }) => matrix.rows)))
  const bytes = 4 * Math.ceil(maxSequences / 8) * 8 * stride
  const make = (label: string) => gpu.storage(`${label}, f32 [sequences, ${stride}]`, bytes)
  return { rows: [make('pooled'), make('pooled too')], stride }
}

const sequencesOf = (shape: BatchShape): number => shape.sequences

/** From the rows of all tokens to one of each sequence. */
export function planPooled(
  context: PlanContext,
  { pooling, normalized, layers, outputs }: PooledTensors,
  { rows, stride }: PooledRows,
  tokens: GPUBuffer,
): void {
  const { plan, weights, activations, layout, variants, hidden } = context
  const { constants } = weights
  // Each step goes to the other buffer, the last one to the first.
  const steps = 1 + layers.reduce((sum, { norm }) => sum + (norm ? 2 : 1), 0) + (normalized ? 1 : 0)
  let at = steps % 2
  const next = () => {
    at = 1 - at
    return { from: rows[1 - at]!, to: rows[at]! }
  }
  const poolRows = (from: GPUBuffer, to: GPUBuffer, options: PoolOptions) =>
    plan.add(pool, {
      variant: {
        constants: { workgroup_size: variants.rowLanes, pooling: poolings.indexOf(options.pooling) },
        conditions: { normalized: options.normalized },
      },
      buffers: { x: from, batch: activations.batch, y: to },
      params: {
        sequences_at: options.sequencesAt,
        width: options.width,
        stride: options.stride,
        y_stride: stride,
      },
      shape: ({ sequences, tokens: count }) => ({ sequences, tokens: count, width: options.width }),
    })
  poolRows(tokens, next().to, {
    pooling,
    normalized: false,
    sequencesAt: layout.sequences,
    width: hidden,
    stride: context.stride,
  })
  for (const { matrix, biasAt, activation, norm } of layers) {
    const { from, to } = next()
    plan.multiply(weights.matrix(matrix), {
      x: from,
      xStride: stride,
      y: to,
      yStride: stride,
      constants,
      biasAt,
      activation,
      tokens: sequencesOf,
    })
    if (norm) planNorm({ ...context, stride }, norm, { constants, ...next(), count: sequencesOf })
  }
  if (!normalized) return
  const { from, to } = next()
  // A sequence of one row each.
  poolRows(from, to, {
    pooling: 'cls',
    normalized: true,
    sequencesAt: layout.singles,
    width: outputs,
    stride,
  })
}

interface PoolOptions {
  readonly pooling: PooledDescription['pooling']
  readonly normalized: boolean
  readonly sequencesAt: number
  readonly width: number
  readonly stride: number
}
