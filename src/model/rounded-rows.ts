import { halfGroupWords, halfRows } from '../kernels/half-rows'
import { int8GroupWords, int8Rows, roundedQuads } from '../kernels/int8-rows'
import { notMade } from '../kernels/matmul'
import { groupWeights } from '../kernels/weights/format'
import type { Invariance } from '../util/invariance'
import type { KvFormat } from '../util/kv-format'
import type { Precision } from '../util/precision'
import type { BatchShape } from './batch'
import { hasRoomFor } from './made-room'
import { type Matrix, rowOf } from './matrix'
import type { PlanBuilder } from './plan'
import type { MadeRow } from './product-steps'
import { prefersFloats, type Variants } from './variants'

/** What products take rows as: integers of eight bits, or f16. */
export type Rounding = 'bytes' | 'f16'

/** Rows that something rounds for products. */
export interface RoundedBuffer {
  readonly to: Rounding
  readonly buffer: GPUBuffer
}

export const groupWordsOf = { bytes: int8GroupWords, f16: halfGroupWords } as const

interface RoundingOptions {
  /** Left out: those that the device prefers. */
  readonly variants?: readonly Variants[]
  readonly precision: Precision
  readonly invariance: Invariance
  readonly kvCache: { readonly format: KvFormat }
}

/**
 * What products of a model may take rows as; null: as f32 only. f16 is for products of many tokens alone, so a prompt has other bits than
 * token by token; and who has the cache in f32 wants no rounding at all. Bytes are for devices that they make faster.
 */
export function roundingFor(
  info: Parameters<typeof prefersFloats>[0],
  { variants, precision, invariance, kvCache }: RoundingOptions,
): Rounding | null {
  if (precision === 'fast') return !variants && prefersFloats(info) ? null : 'bytes'
  const mayRound = invariance === 'off' && kvCache.format !== 'f32'
  return mayRound && info.features.includes('shader-f16') ? 'f16' : null
}

/** What products of a model take rows as, for the key of what was chosen for it. */
export function roundingIn({ rounded }: { readonly rounded: RoundedBuffer | null }): string {
  return rounded?.to ?? 'f32'
}

/** Whether products of many tokens take rows as f16 with these variants. */
export function takesHalfRows(
  rounded: Pick<RoundedBuffer, 'to'> | null,
  { halfRows: wanted, matmul }: Pick<Variants, 'halfRows' | 'matmul'>,
): boolean {
  return rounded?.to === 'f16' && wanted === 1 && !matmul.subgroups
}

/** Rows that products read, as a product is told of them. */
interface Rows {
  readonly x: GPUBuffer
  readonly xStride: number
  readonly xOffset: number
  readonly columns: number
  readonly tokens: (batch: BatchShape) => number
  /** Batches with fewer tokens have none. */
  readonly least: number
}

export interface RoundedInput
  extends Pick<Rows, 'x' | 'tokens'>,
    Partial<Pick<Rows, 'xStride' | 'xOffset' | 'least'>> {
  /** Where what they are made with is. */
  readonly constants?: GPUBuffer
  /** What the rows are made of; null: they are in x. */
  readonly made: MadeRow | null
  /** For which batches they are made, for the others they are in x; for all where left out. */
  readonly makes?: (batch: BatchShape) => boolean
}

/** The rounded rows that products of a plan read, one matrix's after another's; see `int8Rows` and `halfRows`. */
export class RoundedRows {
  /** What is there, as long as nothing else was written to its x. */
  #held: Rows | null = null

  constructor(
    readonly of: RoundedBuffer,
    readonly lanes: Pick<Variants, 'headLanes' | 'rowLanes'>,
  ) {}

  /** Of rows that something has written, or will. */
  forget(x: GPUBuffer): void {
    if (this.#held?.x === x) this.#held = null
  }

  /** Rounds rows, unless the product before read the same. */
  put(
    plan: PlanBuilder,
    matrix: Matrix,
    { x, tokens, made, makes, constants, least = 1, ...place }: RoundedInput,
  ): void {
    const { columns, groups } = matrix
    const { xStride = groups * groupWeights, xOffset = 0 } = place
    const rows: Rows = { x, xStride, xOffset, columns, tokens, least }
    const names = ['x', 'xStride', 'xOffset', 'columns', 'tokens', 'least'] as const
    if (names.every((name) => this.#held?.[name] === rows[name])) return
    const add = (from: MadeRow | null, takes: (batch: BatchShape) => boolean) => {
      const read = from?.x ?? x
      plan.add(this.of.to === 'bytes' ? int8Rows : halfRows, {
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
          y: this.of.buffer,
        },
        params: { ...notMade, x_stride: xStride / 4, x_offset: xOffset / 4, groups, ...from?.params },
        shape: (batch) => {
          const count = tokens(batch)
          return count >= least && takes(batch) ? { tokens: count, columns, makes: from !== null } : null
        },
      })
    }
    if (made) add(made, (batch) => makes?.(batch) ?? true)
    if (!made || makes) add(null, (batch) => !(made && makes?.(batch)))
    this.#held = rows
  }
}

/** Bytes of a value of x in such rows. */
export function roundedBytes(to: Rounding): number {
  return (4 * groupWordsOf[to]) / groupWeights
}

/**
 * How a product of one token makes and rounds its row by itself; null: it reads it as something has rounded it.
 *
 * @param made what the row is made of; null: it is in x
 */
export function ownRounding(
  { gpu, variants }: Pick<PlanBuilder, 'gpu' | 'variants'>,
  { groups }: Pick<Matrix, 'groups'>,
  x: GPUBuffer,
  made: MadeRow | null,
): MadeRow | null {
  const row_quads = roundedQuads(groups, made !== null)
  if (variants.ownRoundings === 0 || !hasRoomFor(gpu, 16 * row_quads)) return null
  return {
    x,
    params: {},
    ...made,
    by: ['product'],
    conditions: { ...made?.conditions, rounds: true },
    constants: { ...made?.constants, row_quads },
  }
}
