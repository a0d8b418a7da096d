import { altUpCorrect, altUpPredict, matchMagnitude } from '../../kernels/alt-up'
import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { ScratchWidths } from '../scratch'
import type { AltUpDescription, AltUpLayerDescription } from '../stream-description'
import { type PlanContext, tokensOf } from './context'
import type { NormedPlace } from './norm'
import type { PartPlace } from './place'

/** The matrices that make streams of one, and one of streams. */
export interface AltUpTensors extends Pick<AltUpDescription, 'streams' | 'floor'> {
  readonly projections: readonly MatrixSource[]
  readonly backProjections: readonly MatrixSource[]
  /** From a stream's row to that of the next. */
  readonly stride: number
}

/** Where a layer's constants have its router and its coefficients. */
export interface AltUpLayerTensors extends Pick<AltUpDescription, 'streams' | 'active'> {
  readonly epsilon: number
  readonly normAt: number
  readonly routerAt: number
  readonly predictionAt: number
  readonly correctionAt: number
  /** null: what goes on into the layer's input is not scaled. */
  readonly outputScaleAt: number | null
}

export function findAltUp({ find, hidden }: PartPlace, altUp: AltUpDescription): AltUpTensors {
  const each = (name: string, projections: AltUpDescription['projections']) =>
    projections.map((projection) => find.matrix(name, [projection], hidden)[0]!)
  const { streams, floor } = altUp
  return {
    streams,
    floor,
    projections: each('projection to a stream', altUp.projections),
    backProjections: each('projection from a stream', altUp.backProjections),
    stride: paddedColumns(hidden),
  }
}

export function altUpScratch({ streams, stride }: AltUpTensors): ScratchWidths {
  return { streams: streams * stride, predicted: streams * stride }
}

const floats = ['F32', 'F16', 'BF16']

export function findAltUpLayer(
  { find, constants, hidden }: PartPlace,
  { streams, active }: AltUpDescription,
  { routerNorm, router, prediction, correction, outputScale }: AltUpLayerDescription,
): AltUpLayerTensors {
  const table = (stem: string, rows: number, columns: number) =>
    constants.add(find.typed(`${stem}.weight`, floats, [rows, columns]), rows * columns)
  const norm = find.norm(routerNorm, hidden, constants)
  return {
    streams,
    active,
    epsilon: norm.epsilon,
    normAt: norm.weightAt,
    routerAt: table(router, streams, hidden),
    predictionAt: table(prediction, streams * streams, streams),
    correctionAt: table(correction, streams, streams),
    outputScaleAt: outputScale === null ? null : constants.add(find.vector(outputScale, hidden), hidden),
  }
}

/** Makes all streams of the embedding's rows. */
export function planStreams(context: PlanContext, tensors: AltUpTensors, embedded: GPUBuffer): void {
  const { streams, predicted } = context.activations.scratch
  const { plan, weights, stride } = context
  const yStride = tensors.streams * stride
  tensors.projections.forEach((source, i) => {
    plan.multiply(weights.matrix(source), {
      x: embedded,
      y: predicted,
      yStride,
      yOffset: (i + 1) * stride,
      tokens: tokensOf,
    })
  })
  planMatch(context, tensors, { x: embedded, xStride: stride, y: streams, averaged: false })
}

/** Makes one stream of all. */
export function planJoinedStream(context: PlanContext, tensors: AltUpTensors, to: GPUBuffer): void {
  const { streams, predicted } = context.activations.scratch
  const { plan, weights, stride } = context
  const rowStride = tensors.streams * stride
  tensors.backProjections.forEach((source, i) => {
    plan.multiply(weights.matrix(source), {
      x: streams,
      xStride: rowStride,
      xOffset: (i + 1) * stride,
      y: predicted,
      yStride: rowStride,
      yOffset: (i + 1) * stride,
      tokens: tokensOf,
    })
  })
  planMatch(context, tensors, { x: streams, xStride: rowStride, y: to, averaged: true })
}

function planMatch(
  { plan, variants, activations, hidden, stride }: PlanContext,
  { streams, floor }: AltUpTensors,
  rows: {
    readonly x: GPUBuffer
    readonly xStride: number
    readonly y: GPUBuffer
    readonly averaged: boolean
  },
): void {
  const { x, xStride, y, averaged } = rows
  plan.add(matchMagnitude, {
    variant: { constants: { workgroup_size: variants.rowLanes, streams }, conditions: { averaged } },
    buffers: { x, projected: activations.scratch.predicted, y },
    params: { width: hidden, stride, x_stride: xStride, floor },
    shape: ({ tokens }) => ({ tokens, streams, width: hidden }),
  })
}

/** Writes what the streams are taken to be, and the one that the layer computes on. */
export function planPrediction(
  context: PlanContext,
  tensors: AltUpLayerTensors,
  constants: GPUBuffer,
  to: GPUBuffer,
): void {
  const { plan, variants, activations, hidden } = context
  const { streams: x, predicted } = activations.scratch
  const { streams, predictionAt } = tensors
  plan.add(altUpPredict, {
    variant: { constants: { workgroup_size: variants.rowLanes, streams } },
    buffers: { x, constants, predicted, y: to },
    params: { ...routerParams(context, tensors), coefs_at: predictionAt },
    shape: ({ tokens }) => ({ tokens, streams, width: hidden }),
  })
}

/** Writes the streams anew after the layer has computed one, and that one's rows for the layer's input. */
export function planCorrection(
  context: PlanContext,
  tensors: AltUpLayerTensors,
  constants: GPUBuffer,
  from: GPUBuffer,
  to: GPUBuffer,
): void {
  const { plan, variants, activations, hidden } = context
  const { streams: corrected, predicted } = activations.scratch
  const { streams, correctionAt, outputScaleAt } = tensors
  plan.add(altUpCorrect, {
    variant: {
      constants: { workgroup_size: variants.rowLanes, streams },
      conditions: { output_scaled: outputScaleAt !== null },
    },
    buffers: { x: from, constants, predicted, corrected, y: to },
    params: {
      ...routerParams(context, tensors),
      coefs_at: correctionAt,
      scale_at: outputScaleAt ?? 0,
    },
    shape: ({ tokens }) => ({ tokens, streams, width: hidden }),
  })
}

/** All streams but the first, to which what a layer makes of its input is added. */
export function laterStreams(
  { activations, stride }: PlanContext,
  { streams }: AltUpLayerTensors,
): NormedPlace[] {
  return Array.from({ length: streams - 1 }, (_, i) => ({
    to: activations.scratch.streams,
    toStride: streams * stride,
    toOffset: (i + 1) * stride,
  }))
}

function routerParams(
  { hidden, stride }: PlanContext,
  { active, epsilon, normAt, routerAt }: AltUpLayerTensors,
) {
  return { width: hidden, stride, main_stream: active, eps: epsilon, norm_at: normAt, router_at: routerAt }
}
