import { activates } from '../kernels/activation'
import { halfMatmul, halfStride } from '../kernels/half-rows'
import { int8Matmul, int8Matvec, int8MatvecRounding, int8Stride } from '../kernels/int8-products'
import { type ExpertStack, type MatmulShape, matmul, matvec, plainProduct } from '../kernels/matmul'
import { groupWeights, reads } from '../kernels/weights/format'
import type { BatchShape } from './batch'
import { type Matrix, type MatrixShard, matrixBytes, rowOf } from './matrix'
import type { PlanBuilder } from './plan'
import type { MatrixStep, ProductForm } from './product-steps'
import { roundedBytes } from './rounded-rows'
import { pointAt, tacticOf } from './variants'

function productKind(few: boolean, inBytes: boolean) {
  if (few) return inBytes ? 'int8Matvec' : 'matvec'
  return inBytes ? 'int8Matmul' : 'matmul'
}

/** A shard's product, of which `add` puts a form into the plan: matvec of so many columns, or matmul by so many tokens a lane. */
export function productOf(
  plan: PlanBuilder,
  matrix: Matrix,
  shard: MatrixShard,
  step: MatrixStep,
  place: Readonly<Record<string, number>> & { readonly rows: number },
  { stack, tactic }: { readonly stack?: ExpertStack; readonly tactic?: string },
) {
  const { residual = false, gated = false, biasAt = null, scale = null, cap = null } = step
  const { xStride = matrix.groups * groupWeights, xOffset = 0 } = step
  const { constants, params } = activates(step.activation ?? { kind: gated ? 'silu' : 'none' })
  const shape = (tokens: number): MatmulShape => ({
    tokens,
    rows: place.rows,
    outputs: gated ? place.rows / 2 : place.rows,
    columns: matrix.columns,
    weightBytes: (matrixBytes(matrix) * shard.rows) / matrix.rows,
    residual,
    ...(stack ? { stack } : {}),
  })
  const format = reads(matrix.format)
  const conditions = {
    ...format.conditions,
    gated: gated !== false,
    interleaved: gated === 'interleaved',
    experts: stack !== undefined,
    biased: biasAt !== null,
    scaled: scale !== null && scale !== 1,
    capped: cap !== null,
    residual,
  }
  const eighth = Math.ceil(matrix.groups / 8)
  const add = (form: ProductForm, routes: GPUBuffer, tokens: (batch: BatchShape) => number | null) => {
    const few = 'columns' in form
    const { inBytes = null, inF16 = null } = form
    const made = few ? (form.made ?? null) : null
    const rounds = made?.conditions.rounds === true
    const kind = productKind(few, inBytes !== null || rounds)
    const chosen = tactic === undefined ? plan.variants[kind] : pointAt(plan.variants, kind, tactic)
    const { subgroups, ...point } = {
      ...chosen,
      ...(few
        ? kind === 'matvec'
          ? { columns: form.columns }
          : {}
        : { tokens_per_lane: form.tokensPerLane }),
    }
    const dispatch = {
      ...(tactic === undefined ? {} : { tactic: tacticOf(kind, tactic) }),
      variant: {
        ...format,
        moduleConstants: { ...format.moduleConstants, ...(made && rowOf(matrix)), ...made?.constants },
        conditions: {
          ...conditions,
          subgroups: subgroups && !inF16,
          ...made?.conditions,
          ...(kind.startsWith('int8') && { packed_dot: plan.packedDot }),
          ...(inF16 && { half_rows: true }),
        },
        constants: { ...point, ...constants },
      },
      buffers: {
        weights: shard.buffer,
        x: inBytes ?? inF16 ?? made?.x ?? step.x,
        constants: step.constants ?? shard.buffer,
        routes: made?.batch ?? routes,
        y: step.y,
      },
      params: {
        ...plainProduct,
        ...params,
        groups: matrix.groups,
        // A row in one go is not what matvec sums.
        segment_groups: few || plan.invariance === 'on' ? eighth : matrix.groups,
        ...shard.planes,
        x_stride: xStride / 4,
        x_offset: xOffset / 4,
        y_stride: step.yStride,
        scale: scale ?? 1,
        cap: cap ?? 1,
        ...made?.params,
        ...place,
        ...(inBytes && { x_stride: int8Stride(matrix.columns), x_offset: 0 }),
        ...(inF16 && { x_stride: halfStride(matrix.groups * groupWeights), x_offset: 0 }),
      },
      shape: (batch: BatchShape) => {
        const count = tokens(batch)
        const rounded = inBytes ? 'bytes' : inF16 ? 'f16' : null
        return count === null ? null : { ...shape(count), ...(rounded && { xBytes: roundedBytes(rounded) }) }
      },
    }
    if (rounds) plan.add(int8MatvecRounding, dispatch)
    else if (few) plan.add(inBytes ? int8Matvec : matvec, dispatch)
    else plan.add(inBytes ? int8Matmul : inF16 ? halfMatmul : matmul, dispatch)
  }
  return { add }
}
