import { type Activation, activates } from '../../kernels/activation'
import { gated } from '../../kernels/gated'
import { norm as normKernel } from '../../kernels/norm'
import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { ScratchWidths } from '../scratch'
import type { LayerInputDescription, LayerInputsDescription } from '../stream-description'
import type { NormTensors } from '../tensor-finder'
import { findActivation } from './activation'
import { type PlanContext, tokensOf } from './context'
import { planRows } from './embedded'
import { type NormedPlace, planNorm } from './norm'
import type { PartPlace } from './place'

/** The tensors of the embedding that layers have slices of. */
export interface LayerInputsTensors extends Omit<LayerInputsDescription, 'projection' | 'norm'> {
  readonly layers: number
  readonly matrix: MatrixSource
  readonly projection: MatrixSource
  readonly norm: NormTensors
}

/** What a layer does with its slice. */
export interface LayerInputTensors {
  /** Where the slice begins in a token's row. */
  readonly from: number
  readonly width: number
  /** Of the rows that it lies in. */
  readonly stride: number
  readonly gate: MatrixSource
  readonly act: Activation
  readonly projection: MatrixSource
  readonly norm: NormTensors
}

export function findLayerInputs(
  { find, constants, hidden }: PartPlace,
  description: LayerInputsDescription,
  layers: number,
): LayerInputsTensors {
  const { stem, rows, width, projection } = description
  // As large as all layers together, and of each row little comes into the stream: four bits do, as for layers.
  const matrix = find.matrix('embedding of layers', [{ stem, rows }], layers * width)[0]!
  return {
    ...description,
    layers,
    matrix,
    projection: find.matrix('projection to layers', [projection], hidden)[0]!,
    norm: find.norm(description.norm, width, constants),
  }
}

export function layerInputsScratch({ layers, width }: LayerInputsTensors): ScratchWidths {
  const stride = paddedColumns(layers * width)
  return { layerInputs: stride, projected: stride, activated: paddedColumns(width) }
}

/** Writes every layer's input, from the token's id and the first rows of the stream. */
export function planLayerInputs(context: PlanContext, tensors: LayerInputsTensors, stream: GPUBuffer): void {
  const { plan, weights, layout, activations, variants } = context
  const { layerInputs, projected } = activations.scratch
  const { layers, width, norm } = tensors
  const { constants } = weights
  const stride = paddedColumns(layers * width)
  planRows(context, weights.matrix(tensors.matrix), {
    idsAt: layout.ids,
    bound: tensors.rows,
    scale: tensors.scale * tensors.sumScale,
    to: layerInputs,
  })
  plan.multiply(weights.matrix(tensors.projection), {
    x: stream,
    y: projected,
    yStride: stride,
    scale: tensors.projectionScale,
    tokens: tokensOf,
  })
  plan.add(normKernel, {
    variant: {
      constants: { workgroup_size: variants.rowLanes },
      conditions: {
        centered: norm.kind === 'layer',
        weighted: true,
        biased: norm.biasAt !== null,
        residual: true,
      },
    },
    buffers: { x: projected, constants, y: layerInputs },
    params: {
      width,
      x_stride: stride,
      x_offset: 0,
      y_stride: stride,
      y_offset: 0,
      weight_offset: norm.weightAt,
      weight_stride: 0,
      bias_offset: norm.biasAt ?? 0,
      eps: norm.epsilon,
      scale: tensors.sumScale,
    },
    shape: ({ tokens }) => ({ tokens, parts: layers, width }),
  })
}

export function findLayerInput(
  place: PartPlace,
  { width, gate, activation, projection, norm }: LayerInputDescription,
  layer: number,
  layers: number,
): LayerInputTensors {
  const { find, constants, hidden, name } = place
  return {
    from: layer * width,
    width,
    stride: paddedColumns(layers * width),
    gate: find.matrix(`${name} gate of its input`, [gate], hidden)[0]!,
    act: findActivation(place, activation),
    projection: find.matrix(`${name} projection of its input`, [projection], width)[0]!,
    norm: find.norm(norm, hidden, constants),
  }
}

/** Adds what a layer makes of its input to each of the places. */
export function planLayerInput(
  context: PlanContext,
  tensors: LayerInputTensors,
  constants: GPUBuffer,
  from: GPUBuffer,
  places: readonly NormedPlace[],
): void {
  const { plan, weights, activations, variants, stride } = context
  const { layerInputs, activated, part } = activations.scratch
  const { width } = tensors
  const yStride = paddedColumns(width)
  plan.multiply(weights.matrix(tensors.gate), {
    x: from,
    constants,
    y: activated,
    yStride,
    activation: tensors.act,
    tokens: tokensOf,
  })
  const times = activates({ kind: 'none' })
  plan.add(gated, {
    variant: {
      constants: { workgroup_size: variants.rowLanes, ...times.constants },
      conditions: { in_place: true },
    },
    buffers: { x: layerInputs, constants, y: activated },
    params: {
      width,
      x_stride: tensors.stride,
      x_offset: tensors.from,
      part: width,
      part_stride: 0,
      step: 1,
      y_stride: yStride,
      ...times.params,
    },
    shape: ({ tokens }) => ({ tokens, width }),
  })
  plan.multiply(weights.matrix(tensors.projection), {
    x: activated,
    y: part,
    yStride: stride,
    tokens: tokensOf,
  })
  for (const place of places) {
    planNorm(context, tensors.norm, { constants, from: part, adds: true, ...place })
  }
}
