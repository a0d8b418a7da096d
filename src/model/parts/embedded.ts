import { embed } from '../../kernels/embed'
import { reads } from '../../kernels/weights/format'
import { type Matrix, matrixBytes } from '../matrix'
import type { PlanContext } from './context'

interface EmbeddedRows {
  /** Where the batch has their numbers, and what is added to these. */
  readonly idsAt: number
  readonly offset?: number
  /** Numbers from this one on stand for row 0; null: there are none. */
  readonly bound?: number | null
  readonly scale?: number
  readonly adds?: boolean
  readonly to: GPUBuffer
}

/** A row of the matrix for each token. */
export function planRows(
  { plan, activations, variants }: PlanContext,
  matrix: Matrix,
  rows: EmbeddedRows,
): void {
  const { batch, sampled } = activations
  const { idsAt, offset = 0, bound = null, scale = 1, adds = false, to } = rows
  for (const shard of matrix.shards) {
    const { conditions, ...format } = reads(matrix.format)
    plan.add(embed, {
      variant: {
        ...format,
        conditions: { ...conditions, bounded: bound !== null, scaled: scale !== 1, residual: adds },
        constants: { workgroup_size: variants.rowLanes },
      },
      buffers: { weights: shard.buffer, batch, sampled, y: to },
      params: {
        ids_at: idsAt,
        id_offset: offset,
        ids: bound ?? 0,
        first_row: shard.firstRow,
        rows: shard.rows,
        groups: matrix.groups,
        ...shard.planes,
        scale,
      },
      shape: ({ tokens }) => ({
        tokens,
        rowBytes: matrixBytes(matrix) / matrix.rows,
        hidden: matrix.columns,
      }),
    })
  }
}
