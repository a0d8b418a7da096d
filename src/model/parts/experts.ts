import { type Activation, activates } from '../../kernels/activation'
import { gated, gatesInRow } from '../../kernels/gated'
import type { ExpertRoutes, Router } from '../experts'
import { planCombine, planRoutes } from '../experts'
import type { ExpertMatrix, ExpertsDescription } from '../experts-description'
import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { ScratchWidths } from '../scratch'
import type { ExpertHalf } from '../tensor-finder'
import { findActivation } from './activation'
import { type LayerBuffers, type PartRows, type PlanContext, tokensOf } from './context'
import type { PartPlace } from './place'

/** A mixture of experts with one layer's tensors. */
export interface ExpertsTensors {
  readonly kind: 'experts'
  readonly is: ExpertsDescription
  readonly routerMatrix: MatrixSource
  readonly routerBias: number | null
  readonly router: Router
  /** Stacks: gate over up where their types agree, else two. */
  readonly inputStacks: readonly MatrixSource[]
  readonly inputBias: number | null
  readonly downStack: MatrixSource
  readonly downBias: number | null
  readonly act: Activation
  /** f32 values from one row of the stream to the next. */
  readonly stride: number
}

export function findExperts(place: PartPlace, part: ExpertsDescription): ExpertsTensors {
  const { find, constants, hidden, name } = place
  const { experts, top, intermediate, inputs, down, router, inputBias, downBias } = part
  const { projection, correction, scores, groups, renormalizeEps, scale } = router
  const biases = (tensor: string | null, rows: number) =>
    tensor === null ? null : constants.add(find.table(tensor, [experts, rows]), experts * rows)
  return {
    kind: 'experts',
    is: part,
    routerMatrix: find.matrix(`${name} router`, [projection], hidden, 'exact')[0]!,
    routerBias: find.biases([projection], constants),
    router: {
      experts,
      top,
      scores,
      groups,
      renormalizeEps,
      scale,
      correctionAt: correction === null ? null : constants.add(find.vector(correction, experts), experts),
    },
    inputStacks: find.stack(`${name} experts gate, up`, experts, inputs.map(half), hidden),
    inputBias: biases(inputBias, 2 * intermediate),
    downStack: find.stack(`${name} experts down`, experts, [half(down)], intermediate)[0]!,
    downBias: biases(downBias, hidden),
    act: findActivation(place, part.activation),
    stride: paddedColumns(hidden),
  }
}

function half({ stem, ...matrix }: ExpertMatrix): ExpertHalf {
  const [before, after] = stem.split('*')
  return { ...matrix, stem: after === undefined ? stem : (expert) => `${before}${expert}${after}` }
}

export function expertsScratch({ is, inputStacks, stride }: ExpertsTensors): ScratchWidths {
  const { experts, top, intermediate } = is
  return {
    routed: experts,
    activated: top * paddedColumns(intermediate),
    expertRows: top * stride,
    ...(inputStacks.length > 1 ? { gateUp: top * 2 * intermediate } : {}),
  }
}

export function planExperts(
  context: PlanContext,
  tensors: ExpertsTensors,
  { constants }: LayerBuffers,
  rows: PartRows,
): void {
  const { plan, weights, activations, stride } = context
  const { routed, activated, expertRows } = activations.scratch
  const { is, router, downStack } = tensors
  const routes = activations.routes(router)
  plan.multiply(weights.matrix(tensors.routerMatrix), {
    x: rows.from,
    constants,
    biasAt: tensors.routerBias,
    y: routed,
    yStride: is.experts,
    tokens: tokensOf,
  })
  planRoutes(plan, router, { logits: routed, constants, routes, tokens: tokensOf })
  planInputs(context, tensors, routes, constants, rows.from)
  plan.multiplyExperts(weights.matrix(downStack), {
    x: activated,
    y: expertRows,
    yStride: stride,
    routes,
    xRows: 'entries',
    constants,
    biasAt: tensors.downBias,
    tokens: tokensOf,
  })
  planCombine(plan, {
    parts: expertRows,
    partsStride: stride,
    routes,
    y: rows.to,
    yStride: stride,
    width: context.hidden,
    scale: rows.scale,
    residual: rows.adds,
    tokens: tokensOf,
  })
}

/** Each entry's act(gate · x) · (up · x), a row of `activated`. */
function planInputs(
  { plan, weights, activations, variants }: PlanContext,
  { is, inputStacks, inputBias, act }: ExpertsTensors,
  routes: ExpertRoutes,
  constants: GPUBuffer,
  x: GPUBuffer,
): void {
  const { activated, gateUp } = activations.scratch
  const { intermediate, interleaved } = is
  const yStride = paddedColumns(intermediate)
  const common = { x, routes, xRows: 'tokens', constants, tokens: tokensOf } as const
  if (inputStacks.length === 1) {
    plan.multiplyExperts(weights.matrix(inputStacks[0]!), {
      ...common,
      y: activated,
      yStride,
      gated: interleaved ? 'interleaved' : true,
      activation: act,
      biasAt: inputBias,
    })
    return
  }
  inputStacks.forEach((source, i) => {
    const place = { y: gateUp, yStride: 2 * intermediate, yOffset: i * intermediate }
    plan.multiplyExperts(weights.matrix(source), { ...common, ...place })
  })
  const { constants: chosen, params } = activates(act)
  plan.add(gated, {
    variant: { constants: { workgroup_size: variants.rowLanes, ...chosen } },
    buffers: { x: gateUp, constants, y: activated },
    params: { ...gatesInRow(intermediate), x_stride: 2 * intermediate, y_stride: yStride, ...params },
    shape: ({ tokens }) => ({ tokens: tokens * is.top, width: intermediate }),
  })
}
