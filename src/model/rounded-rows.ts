import { int8GroupWords, int8Rows } from '../kernels/int8-rows'
import { notMade } from '../kernels/matmul'
import { groupWeights } from '../kernels/weights/format'
import type { BatchShape } from './batch'
import { type Matrix, rowOf } from './matrix'
import type { PlanBuilder } from './plan'
import type { MadeRow } from './product-steps'
import type { Variants } from './variants'

/** Rows that products read, as a product is told of them. */
interface Rows {
  readonly x: GPUBuffer
  readonly xStride: number
  readonly xOffset: number
  readonly columns: number
  readonly tokens: (batch: BatchShape) => number
}

interface RoundedInput extends Pick<Rows, 'x' | 'tokens'>, Partial<Pick<Rows, 'xStride' | 'xOffset'>> {
  /** Where what they are made with is. */
  readonly constants?: GPUBuffer
  /** What the rows are made of; null: they are in x. */
  readonly made: MadeRow | null
  /** For which batches they are made, for the others they are in x; for all where left out. */
  readonly makes?: (batch: BatchShape) => boolean
}

/** The rows in bytes that integer products of a plan read, one matrix's after another's; see `int8Rows`. */
export class RoundedRows {
  /** What is there, as long as nothing else was written to its x. */
  #held: Rows | null = null

  constructor(
    readonly buffer: GPUBuffer,
    readonly lanes: Pick<Variants, 'headLanes' | 'rowLanes'>,
  ) {}

  /** Of rows that something has written, or will. */
  forget(x: GPUBuffer): void {
    if (this.#held?.x === x) this.#held = null
  }

  /** Rounds rows to bytes, unless the product before read the same. */
  put(
    plan: PlanBuilder,
    matrix: Matrix,
    { x, tokens, made, makes, constants, ...place }: RoundedInput,
  ): void {
    const { columns, groups } = matrix
    const { xStride = columns, xOffset = 0 } = place
    const rows: Rows = { x, xStride, xOffset, columns, tokens }
    const names = ['x', 'xStride', 'xOffset', 'columns', 'tokens'] as const
    if (names.every((name) => this.#held?.[name] === rows[name])) return
    const add = (from: MadeRow | null, takes: (batch: BatchShape) => boolean) => {
      const read = from?.x ?? x
      plan.add(int8Rows, {
        variant: {
          constants: { workgroup_size: from ? this.lanes.rowLanes : this.lanes.headLanes },
          ...(from && {
            conditions: from.conditions,
            moduleConstants: { ...rowOf(matrix), ...from.constants },
          }),
        },
        buffers: {
          x: read,
          constants: constants ?? read,
          routes: from?.batch ?? read,
          y: this.buffer,
        },
        params: { ...notMade, x_stride: xStride / 4, x_offset: xOffset / 4, groups, ...from?.params },
        shape: (batch) => {
          const count = tokens(batch)
          return count > 0 && takes(batch) ? { tokens: count, columns, makes: from !== null } : null
        },
      })
    }
    if (made) add(made, (batch) => makes?.(batch) ?? true)
    if (!made || makes) add(null, (batch) => !(made && makes?.(batch)))
    this.#held = rows
  }
}

/** Bytes of a value of x in such rows. */
export const roundedBytes = (4 * int8GroupWords) / groupWeights
