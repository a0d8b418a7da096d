import { type Activation, activates } from '../../kernels/activation'
import { cutoff as cutoffKernel } from '../../kernels/cutoff'
import { gated, gatesInRow } from '../../kernels/gated'
import type { DenseDescription } from '../description'
import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { ScratchWidths } from '../scratch'
import { findActivation } from './activation'
import { type LayerBuffers, type PartRows, type PlanContext, tokensOf } from './context'
import type { PartPlace } from './place'

/** down(act(gate · x) · (up · x)) (Shazeer 2020, arXiv:2002.05202), or down(act(up · x)), with one layer's tensors. */
export interface DenseTensors extends DenseDescription {
  /** Gate over up where their types agree, else two; or up alone. */
  readonly inputMatrices: readonly MatrixSource[]
  readonly inputBias: number | null
  readonly downMatrix: MatrixSource
  readonly downBias: number | null
  readonly act: Activation
  readonly shareMatrix: MatrixSource | null
}

export function findDense(place: PartPlace, part: DenseDescription): DenseTensors {
  const { find, constants, hidden, name } = place
  const { kind, inputs, down, intermediate, share, cutoff = null } = part
  const halves = kind === 'gated' && cutoff === null
  return {
    ...part,
    inputMatrices: find.matrix(`${name} gate, up`, inputs, hidden, 'layer', halves),
    inputBias: find.biases(inputs, constants),
    downMatrix: find.matrix(`${name} down`, [down], intermediate)[0]!,
    downBias: find.biases([down], constants),
    act: findActivation(place, part.activation),
    shareMatrix: share ? find.matrix(`${name} share`, [share], hidden, 'exact')[0]! : null,
  }
}

export function denseScratch(tensors: DenseTensors): ScratchWidths {
  const { intermediate, shareMatrix } = tensors
  return {
    activated: paddedColumns(intermediate),
    ...(gatesApart(tensors) ? { gateUp: 2 * intermediate } : {}),
    ...(shareMatrix ? { routed: 1 } : {}),
  }
}

/** Gates and values are products by themselves, and are brought together afterwards. */
function gatesApart({ inputMatrices, cutoff = null }: DenseTensors): boolean {
  return inputMatrices.length > 1 || cutoff !== null
}

export function planDense(
  context: PlanContext,
  tensors: DenseTensors,
  { constants }: LayerBuffers,
  rows: PartRows,
): void {
  const { plan, weights, activations, variants } = context
  const { activated, gateUp, routed } = activations.scratch
  const { kind, intermediate, inputMatrices, inputBias, cutoff = null, act, shareMatrix } = tensors
  const yStride = paddedColumns(intermediate)
  const common = { x: rows.from, made: rows.made, constants, tokens: tokensOf }
  if (!gatesApart(tensors)) {
    plan.multiply(weights.matrix(inputMatrices[0]!), {
      ...common,
      y: activated,
      yStride,
      gated: kind === 'gated',
      activation: act,
      biasAt: inputBias,
    })
  } else {
    let row = 0
    for (const source of inputMatrices) {
      const biasAt = inputBias === null ? null : inputBias + row
      plan.multiply(weights.matrix(source), {
        ...common,
        y: gateUp,
        yStride: 2 * intermediate,
        yOffset: row,
        biasAt,
      })
      row += source.rows
    }
    if (cutoff !== null) {
      plan.add(cutoffKernel, {
        variant: { constants: { workgroup_size: variants.rowLanes } },
        buffers: { y: gateUp },
        params: { width: intermediate, stride: 2 * intermediate, deviations: cutoff },
        shape: ({ tokens }) => ({ tokens, width: intermediate }),
      })
    }
    const { constants: chosen, params } = activates(act)
    plan.add(gated, {
      variant: { constants: { workgroup_size: variants.rowLanes, ...chosen } },
      buffers: { x: gateUp, constants, y: activated },
      params: { ...gatesInRow(intermediate), x_stride: 2 * intermediate, y_stride: yStride, ...params },
      shape: ({ tokens }) => ({ tokens, width: intermediate }),
    })
  }
  if (shareMatrix) {
    // The product that follows is linear: a token's share may come before it.
    plan.multiply(weights.matrix(shareMatrix), { ...common, y: routed, yStride: 1 })
    const { constants: chosen, params } = activates({ kind: 'sigmoid' })
    plan.add(gated, {
      variant: {
        constants: { workgroup_size: variants.rowLanes, ...chosen },
        conditions: { in_place: true },
      },
      buffers: { x: routed, constants, y: activated },
      params: {
        ...gatesInRow(intermediate),
        step: 0,
        x_stride: 1,
        y_stride: yStride,
        ...params,
      },
      shape: ({ tokens }) => ({ tokens, width: intermediate }),
    })
  }
  plan.multiply(weights.matrix(tensors.downMatrix), {
    x: activated,
    constants,
    y: rows.to,
    yStride: context.stride,
    biasAt: tensors.downBias,
    scale: rows.scale,
    residual: rows.adds,
    tokens: tokensOf,
  })
}
