import { OctavoError } from '../../util/octavo-error'
import type { AttentionDescription, LatentDescription } from '../description'
import { floatStorage, floatTypes, transposedStorage } from '../float-matrix'
import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { ScratchWidths } from '../scratch'
import type { NormTensors } from '../tensor-finder'
import { found } from '../weights'
import { type PlanContext, tokensOf } from './context'
import { planNorm } from './norm'
import type { PartPlace } from './place'

/** What makes queries of the latent's shape, and heads of what attention gives. */
export interface LatentTensors extends Omit<LatentDescription, 'norm' | 'query'> {
  readonly norm: NormTensors
  /** [heads · dim, keyDim]: of each head the transposed rows of `up` that give its key */
  readonly toLatent: MatrixSource
  /** [heads · valueDim, dim]: of each head the rows that give its value */
  readonly fromLatent: MatrixSource
  readonly query: QueryTensors | null
}

interface QueryTensors {
  readonly norm: NormTensors
  readonly matrix: MatrixSource
  readonly biasAt: number | null
}

export function findLatent(
  place: PartPlace,
  { norm, query, ...latent }: LatentDescription,
  heads: number,
): LatentTensors {
  const { find, constants, name } = place
  return {
    ...latent,
    norm: find.norm(norm, latent.dim, constants),
    ...findUp(place, latent, heads),
    query: query && {
      norm: find.norm(query.norm, query.dim, constants),
      matrix: find.matrix(`${name} query`, [query.projection], query.dim)[0]!,
      biasAt: find.biases([query.projection], constants),
    },
  }
}

/** The one tensor that is in two matrices. */
function findUp(
  { find, name }: PartPlace,
  { up, dim, keyDim, valueDim }: Omit<LatentDescription, 'norm' | 'query'>,
  heads: number,
): Pick<LatentTensors, 'toLatent' | 'fromLatent'> {
  const both = keyDim + valueDim
  if (find.quantization?.find(up, heads * both, dim, find, false)) {
    throw new OctavoError(
      'unsupported-tensor-type',
      `The matrix '${up}' is quantized: latent attention needs it in another order, which is supported for floats.`,
      'Choose a conversion of the model that leaves it as floats.',
    )
  }
  const tensor = find.typed(`${up}.weight`, [...floatTypes], [heads * both, dim])
  const keys = transposedStorage(tensor, [keyDim, dim], find.floatWeights, both)
  const values = floatStorage(tensor.type, dim, 'layer', find.floatWeights)
  const perHead = Array.from({ length: heads }, (_, head) => head)
  const toLatent: MatrixSource = {
    name: `${name} queries to latents`,
    format: keys.format,
    parts: [{ tensor, packing: keys.packing, firstRow: 0, rows: heads * dim }],
    columns: keyDim,
    rows: heads * dim,
    expertRows: dim,
  }
  const fromLatent: MatrixSource = {
    name: `${name} values from latents`,
    format: values.format,
    parts: perHead.map((head) => ({
      tensor,
      packing: values.packing,
      tensorRow: head * both + keyDim,
      firstRow: head * valueDim,
      rows: valueDim,
    })),
    columns: dim,
    rows: heads * valueDim,
    expertRows: valueDim,
  }
  find.matrices.push(toLatent, fromLatent)
  return { toLatent, fromLatent }
}

export function latentScratch({ query, dim, valueDim }: LatentTensors, heads: number): ScratchWidths {
  return {
    normedQuery: query ? paddedColumns(query.matrix.columns) : 0,
    attended: paddedColumns(heads * dim),
    unfolded: heads * valueDim,
  }
}

/** Writes what comes before the rotated part of each query, scaled. */
export function planLatentQuery(
  context: PlanContext,
  { query, toLatent }: LatentTensors,
  {
    heads,
    headDim,
    scale,
    query: layout,
  }: Pick<AttentionDescription, 'heads' | 'headDim' | 'scale' | 'query'>,
  rows: { readonly constants: GPUBuffer; readonly width: number },
): void {
  const { plan, weights, activations } = context
  const { projected, normedQuery, query: to } = activations.scratch
  const { constants, width } = rows
  if (query) {
    const stride = paddedColumns(query.matrix.columns)
    planNorm(context, query.norm, {
      constants,
      from: projected,
      fromStride: width,
      to: normedQuery,
      toStride: stride,
    })
    plan.multiply(weights.matrix(query.matrix), {
      x: normedQuery,
      constants,
      y: projected,
      yStride: width,
      yOffset: layout.first,
      biasAt: query.biasAt,
      tokens: tokensOf,
    })
  }
  plan.multiplyExperts(weights.matrix(toLatent), {
    x: projected,
    xStride: width,
    xOffset: layout.first,
    xStep: layout.stride,
    y: to,
    yStride: headDim,
    scale,
    routes: found(activations.headRoutes, heads),
    xRows: 'tokens',
    tokens: tokensOf,
  })
}

/** Writes [heads, valueDim] of what attention gave. */
export function planLatentValues(
  context: PlanContext,
  { fromLatent, dim, valueDim }: LatentTensors,
  heads: number,
): void {
  const { plan, weights, activations } = context
  const { attended, unfolded } = activations.scratch
  plan.multiplyExperts(weights.matrix(fromLatent), {
    x: attended,
    xStride: paddedColumns(heads * dim),
    xStep: dim,
    y: unfolded,
    yStride: valueDim,
    routes: found(activations.headRoutes, heads),
    xRows: 'tokens',
    tokens: tokensOf,
  })
}
