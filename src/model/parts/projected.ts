import type { Projection } from '../description'
import type { MatrixSource } from '../matrix-source'
import type { MergedRow } from './attention-heads'
import { type PartRows, type PlanContext, type SourceRows, tokensOf } from './context'
import type { PartPlace } from './place'

/** Products of the same rows whose results lie side by side. */
export interface ProjectedTensors {
  /** Concatenated where their types agree. */
  readonly matrices: readonly MatrixSource[]
  readonly biasAt: number | null
  readonly width: number
}

export function findProjected(
  { find, constants, hidden, name }: PartPlace,
  projections: readonly Projection[],
): ProjectedTensors {
  return {
    matrices: find.matrix(`${name} input`, projections, hidden),
    biasAt: find.biases(projections, constants),
    width: projections.reduce((sum, { rows }) => sum + rows, 0),
  }
}

export function planProjected(
  { plan, weights }: PlanContext,
  { matrices, biasAt, width }: ProjectedTensors,
  constants: GPUBuffer,
  rows: SourceRows & {
    readonly to: GPUBuffer
    /** f32 values from one row of `to` to the next, where something else follows. */
    readonly stride?: number
    /** Fewer tokens are left to other dispatches. */
    readonly leastTokens?: number
  },
): void {
  let yOffset = 0
  for (const source of matrices) {
    plan.multiply(weights.matrix(source), {
      x: rows.from,
      made: rows.made,
      leastTokens: rows.leastTokens ?? 1,
      constants,
      y: rows.to,
      yStride: rows.stride ?? width,
      yOffset,
      biasAt: biasAt === null ? null : biasAt + yOffset,
      tokens: tokensOf,
    })
    yOffset += source.rows
  }
}

/** The product that leads back to the stream. */
export interface OutputTensors {
  readonly matrix: MatrixSource
  readonly biasAt: number | null
}

export function findOutput(
  { find, constants, name }: PartPlace,
  output: Projection,
  columns: number,
): OutputTensors {
  return {
    matrix: find.matrix(`${name} output`, [output], columns)[0]!,
    biasAt: find.biases([output], constants),
  }
}

export function planOutput(
  { plan, weights, stride }: PlanContext,
  { matrix, biasAt }: OutputTensors,
  constants: GPUBuffer,
  x: GPUBuffer,
  rows: PartRows,
  merged: MergedRow | null = null,
  xStride?: number,
): void {
  plan.multiply(weights.matrix(matrix), {
    x,
    ...(merged ?? {}),
    ...(xStride === undefined ? {} : { xStride }),
    constants,
    y: rows.to,
    yStride: stride,
    biasAt,
    scale: rows.scale,
    residual: rows.adds,
    tokens: tokensOf,
  })
}
