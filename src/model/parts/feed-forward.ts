import { type Activation, activates } from '../../kernels/activation'
import { gated, gatesInRow } from '../../kernels/gated'
import type { ActivationDescription, FeedForwardDescription } from '../description'
import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { ScratchWidths } from '../scratch'
import { type LayerBuffers, type PartRows, type PlanContext, tokensOf } from './context'
import type { PartPlace } from './place'

/** down(act(gate · x) · (up · x)) (Shazeer 2020, arXiv:2002.05202), or down(act(up · x)), with one layer's tensors. */
export interface FeedForwardTensors extends FeedForwardDescription {
  /** Gate over up where their types agree, else two; or up alone. */
  readonly inputMatrices: readonly MatrixSource[]
  readonly inputBias: number | null
  readonly downMatrix: MatrixSource
  readonly downBias: number | null
  readonly act: Activation
}

export function findFeedForward(place: PartPlace, part: FeedForwardDescription): FeedForwardTensors {
  const { find, constants, hidden, name } = place
  const { inputs, down, intermediate } = part
  return {
    ...part,
    inputMatrices: find.matrix(`${name} gate, up`, inputs, hidden),
    inputBias: find.biases(inputs, constants),
    downMatrix: find.matrix(`${name} down`, [down], intermediate)[0]!,
    downBias: find.biases([down], constants),
    act: findActivation(place, part.activation),
  }
}

/** Its learned numbers go among the layer's constants, in the form in which the kernels use them. */
function findActivation({ find, constants }: PartPlace, activation: ActivationDescription): Activation {
  if (activation.kind !== 'xielu') return activation
  const { positive, negative, beta, epsilon } = activation
  const at = constants.take(3)
  const softplus = (value: number) => Math.log1p(Math.exp(value))
  const least = find.scalar(beta)
  constants.put(find.scalar(positive), at, (values) => values.map(softplus))
  constants.put(find.scalar(negative), at + 1, (values, all) => {
    const [lowest = 0] = all.get(least.name)!
    return values.map((value) => lowest + softplus(value))
  })
  constants.put(least, at + 2)
  // Keeps eˣ − 1 from rounding to nothing near 0, which the kernel computes without loss.
  find.scalar(epsilon)
  return { kind: 'xielu', at }
}

export function feedForwardScratch({ inputMatrices, intermediate }: FeedForwardTensors): ScratchWidths {
  return {
    activated: paddedColumns(intermediate),
    ...(inputMatrices.length > 1 ? { gateUp: 2 * intermediate } : {}),
  }
}

export function planFeedForward(
  context: PlanContext,
  tensors: FeedForwardTensors,
  { constants }: LayerBuffers,
  rows: PartRows,
): void {
  const { plan, weights, activations, variants } = context
  const { activated, gateUp } = activations.scratch
  const { kind, intermediate, inputMatrices, inputBias, act } = tensors
  const yStride = paddedColumns(intermediate)
  const common = { x: rows.from, constants, tokens: tokensOf }
  if (inputMatrices.length === 1) {
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
    const { constants: chosen, params } = activates(act)
    plan.add(gated, {
      variant: { constants: { workgroup_size: variants.rowLanes, ...chosen } },
      buffers: { x: gateUp, constants, y: activated },
      params: { ...gatesInRow(intermediate), x_stride: 2 * intermediate, y_stride: yStride, ...params },
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
