import { type headConstants, headNormWeights, headNorm as normKinds, plainHeads } from '../../kernels/heads'
import { int8Stride } from '../../kernels/int8-products'
import { noNorm } from '../../kernels/matmul'
import {
  projectBytes,
  projectHeads,
  projectHeadsInBytes,
  projectHeadsRounding,
  projectLanes,
  ropeKv,
} from '../../kernels/rope-kv'
import { reads } from '../../kernels/weights/format'
import type { BatchShape } from '../batch'
import type { HeadLayout, HeadNormDescription } from '../description'
import { lazyParts } from '../lazy-parts'
import { hasRoomFor } from '../made-room'
import { type Matrix, type MatrixShard, matrixBytes, rowOf, segmentGroups } from '../matrix'
import type { MadeRow } from '../product-steps'
import { ownRounding, roundedBytes } from '../rounded-rows'
import type { Variants } from '../variants'
import type { AttentionTensors } from './attention'
import { type LayerBuffers, type PlanContext, type SourceRows, tokensOf } from './context'
import { manyTokens } from './made-rows'
import { planProjected } from './projected'

/** What every kernel of attention is compiled with. */
type HeadConstants = Readonly<
  Record<
    keyof typeof plainHeads.constants | Exclude<(typeof headConstants)[number], 'workgroup_size'>,
    number
  >
>

/**
 * From the stream's rows to queries, and to K and V in the cache. One token's heads are computed and written by one
 * kernel where nothing else wants the projected row.
 */
export function planWrittenHeads(
  context: PlanContext,
  tensors: AttentionTensors,
  head: HeadConstants,
  layer: LayerBuffers,
  rows: SourceRows,
): void {
  const { input, latent, rowWidth: stride } = tensors
  const { projected } = context.activations.scratch
  const { constants } = layer
  const own = writtenHeads(context, tensors, layer)
  const groups = headGroups(context, tensors, rows)
  planProjected(context, input, constants, { ...rows, to: projected, stride, leastTokens: groups ? 2 : 1 })
  if (latent) lazyParts.latent.fetched.planLatentQuery(context, latent, tensors, { constants, width: stride })
  if (groups) planProjectedHeads(context, tensors, head, own, rows, groups)
  planRopeKv(context, head, own, groups ? manyTokens : tokensOf)
}

/** What the kernels that put heads where they go are told, and what they bind. */
function writtenHeads(
  { weights, activations, layout }: PlanContext,
  tensors: AttentionTensors,
  { kv, constants }: LayerBuffers,
) {
  const { projected: qkv, query: q } = activations.scratch
  const { at, query, key, value, rope, headNorm, valueNorm, queryGrowth, headDim, latent } = tensors
  // Of a latent query the product has written all but what is rotated.
  const query_from = latent?.dim ?? 0
  return {
    constants: {
      rope_dim: rope?.dim ?? 0,
      rope_from: query_from,
      query_from,
      writes_kv: tensors.sharesKvOf === null ? 1 : 0,
      ...(headNorm ? normConstants(headNorm) : {}),
      ...(latent ? latentNorm : {}),
    },
    conditions: {
      rope_halves: rope?.pairs === 'halves',
      norm_after_rope: headNorm?.afterRope ?? false,
      value_norm: valueNorm !== null,
      scales_by_position: queryGrowth !== null,
    },
    // Where nothing turns, the table is not read.
    buffers: {
      cache: kv!.buffer,
      constants,
      rope: rope ? weights.rope(rope) : qkv,
      batch: activations.batch,
      q,
    },
    params: {
      ...plainHeads.params,
      positions_at: layout.positions,
      slots_at: layout.slots,
      values_at: kv!.valuesAtBytes / 4,
      rope_quads: (rope?.headDim ?? headDim) / 4,
      row_quads: tensors.rowWidth / 4,
      ...quads('q', { ...query, first: query.first + (latent?.keyDim ?? 0) }),
      ...quads('k', key),
      ...quads('v', value),
      q_norm_at: at.queryNorm ?? 0,
      k_norm_at: latent?.norm.weightAt ?? at.keyNorm ?? 0,
      eps: latent?.norm.epsilon ?? headNorm?.epsilon ?? 0,
      value_eps: valueNorm ?? 0,
      scale: tensors.scale,
      scale_beta: queryGrowth?.beta ?? 0,
      scale_span: queryGrowth?.original ?? 1,
    },
  }
}

/** Heads are normalized and turned; K and V go to the cache. */
function planRopeKv(
  context: PlanContext,
  head: HeadConstants,
  own: ReturnType<typeof writtenHeads>,
  tokens: (shape: BatchShape) => number,
): void {
  const { plan, variants, activations } = context
  plan.add(ropeKv, {
    variant: {
      constants: { ...head, workgroup_size: variants.headLanes, ...own.constants },
      conditions: own.conditions,
    },
    buffers: { ...own.buffers, qkv: activations.scratch.projected },
    params: own.params,
    shape: (shape) => (tokens(shape) > 0 ? { tokens: tokens(shape) } : null),
  })
}

/** The same of a batch's only token with the product before it, a dispatch for each matrix. */
function planProjectedHeads(
  { plan, stride }: PlanContext,
  { input }: AttentionTensors,
  head: HeadConstants,
  own: ReturnType<typeof writtenHeads>,
  rows: SourceRows,
  groups: readonly ProjectedGroup[],
): void {
  let firstRow = 0
  for (const { matrix, first, count, form, lanes } of groups) {
    const format = reads(matrix.format)
    const [{ buffer, planes }] = matrix.shards as [MatrixShard]
    const { made, inBytes } = form
    const readsRounded = inBytes && made === null
    const shape = {
      ...{ tokens: 1, count, columns: matrix.columns, weightBytes: matrixBytes(matrix) },
      ...(readsRounded && { xBytes: roundedBytes('bytes') }),
    }
    const { subgroups, ...point } = form.point
    plan.add(form.kernel, {
      variant: {
        ...format,
        moduleConstants: { ...format.moduleConstants, ...(made && rowOf(matrix)), ...made?.constants },
        constants: {
          ...head,
          ...point,
          workgroup_size: lanes,
          columns: 1,
          ...own.constants,
        },
        conditions: {
          ...format.conditions,
          ...own.conditions,
          projects: true,
          biased: input.biasAt !== null,
          subgroups,
          ...made?.conditions,
          ...(inBytes && { in_bytes: true, packed_dot: plan.packedDot }),
        },
      },
      buffers: {
        ...own.buffers,
        weights: buffer,
        x: readsRounded
          ? plan.roundedFor(matrix, { x: rows.from, made: roundedFrom(rows), tokens: tokensOf })
          : (made?.x ?? rows.from),
      },
      params: {
        ...noNorm,
        ...own.params,
        first_head: first,
        first_row: firstRow,
        rows: matrix.rows,
        groups: matrix.groups,
        segment_groups: segmentGroups(matrix),
        ...planes,
        x_stride: readsRounded ? int8Stride(matrix.columns) : stride / 4,
        bias_at: (input.biasAt ?? 0) + firstRow,
        ...made?.params,
      },
      shape: ({ tokens }) => (tokens === 1 ? shape : null),
    })
    firstRow += matrix.rows
  }
}

/** By which kernel heads are projected, and out of what. */
interface HeadForm {
  readonly kernel: typeof projectHeads
  readonly point: Variants['matvec']
  readonly inBytes: boolean
  /** How the row is made; null: it is read, in bytes as something has rounded it. */
  readonly made: MadeRow | null
}

/** How what rounds rows makes them. */
function roundedFrom({ made }: SourceRows): MadeRow | null {
  return made?.by.includes('rounding') ? made : null
}

function formOf({ plan, variants }: PlanContext, matrix: Matrix, rows: SourceRows): HeadForm {
  const { matvec, int8Matvec } = variants
  if (!plan.takesBytes(matrix)) {
    const made = rows.made?.by.includes('product') ? rows.made : null
    return { kernel: projectHeads, point: matvec, inBytes: false, made }
  }
  const made = ownRounding(plan, matrix, rows.from, roundedFrom(rows))
  return { kernel: made ? projectHeadsRounding : projectHeadsInBytes, point: int8Matvec, inBytes: true, made }
}

/** Lanes that compute a head with its product: as many as there is workgroup memory for; null: for less than a quarter of those wanted. */
function lanesOf(
  { plan }: PlanContext,
  headDim: number,
  matrix: Matrix,
  { point, made }: HeadForm,
): number | null {
  const { maxComputeInvocationsPerWorkgroup: most } = plan.gpu.device.limits
  const { segment_lanes } = point
  const rowBytes = made ? 16 * (made.constants?.row_quads ?? rowOf(matrix).row_quads) : 0
  const least = projectLanes(headDim, segment_lanes, most) / 4
  for (let allowed = most; allowed >= Math.max(8, least); allowed /= 2) {
    const lanes = projectLanes(headDim, segment_lanes, allowed)
    if (!made || hasRoomFor(plan.gpu, rowBytes, projectBytes(headDim, lanes))) return lanes
  }
  return null
}

/** Heads that a matrix of the projection gives: of Q, then K, then V by their numbers. */
interface ProjectedGroup {
  readonly matrix: Matrix
  readonly first: number
  readonly count: number
  readonly form: HeadForm
  readonly lanes: number
}

/**
 * Which heads each matrix of the projection gives, where a workgroup may compute a head and put it where it goes; null: the
 * projected row is wanted for something else, or heads do not come apart.
 */
function headGroups(
  context: PlanContext,
  tensors: AttentionTensors,
  rows: SourceRows,
): readonly ProjectedGroup[] | null {
  const { limits, weights, variants } = context
  const { input, latent, gate, headNorm, heads, kvHeads, headDim, sharesKvOf } = tensors
  if (variants.fusedHeads === 0) return null
  if (limits.maxSequences === 0 || latent || gate || headNorm?.over === 'all') return null
  const layouts = [
    { ...tensors.query, count: heads },
    ...(sharesKvOf === null ? [tensors.key, tensors.value].map((each) => ({ ...each, count: kvHeads })) : []),
  ]
  const firstRows = layouts.flatMap(({ first, stride, count }) =>
    Array.from({ length: count }, (_, head) => first + head * stride),
  )
  const groups: ProjectedGroup[] = []
  let row = 0
  for (const source of input.matrices) {
    const end = row + source.rows
    const own = [...firstRows.keys()].filter((n) => firstRows[n]! >= row && firstRows[n]! + headDim <= end)
    const [first = 0] = own
    if (own.length === 0 || own.at(-1)! - first + 1 !== own.length) return null
    const matrix = weights.matrix(source)
    const form = formOf(context, matrix, rows)
    const lanes = lanesOf(context, headDim, matrix, form)
    if (matrix.shards.length > 1 || lanes === null) return null
    groups.push({ matrix, first, count: own.length, form, lanes })
    row = end
  }
  return groups.reduce((sum, { count }) => sum + count, 0) === firstRows.length ? groups : null
}

function quads<Name extends 'q' | 'k' | 'v'>(name: Name, { first, stride }: HeadLayout) {
  return { [`${name}_at`]: first / 4, [`${name}_stride`]: stride / 4 } as Record<
    `${Name}_at` | `${Name}_stride`,
    number
  >
}

const latentNorm = { norm: normKinds.rmsOfLatent, norm_weights: headNormWeights.shared }

function normConstants({ kind, over }: HeadNormDescription) {
  const each = kind === 'layer' ? normKinds.layerNorm : normKinds.rms
  return {
    norm: over === 'all' ? normKinds.rmsOfAll : each,
    norm_weights: over === 'head' ? headNormWeights.shared : headNormWeights.ofEachHead,
  }
}
