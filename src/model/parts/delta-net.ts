import { gatedNorm } from '../../kernels/gated-norm'
import { deltaScan, scanLanes } from '../../kernels/scan'
import { paddedColumns } from '../matrix'
import type { DeltaNetDescription } from '../recurrent-description'
import type { ScratchWidths } from '../scratch'
import { type PartRows, type PlanContext, type StatefulBuffers, tokensOf } from './context'
import { type ConvolutionTensors, convolutionState, findConvolution, planConvolution } from './convolution'
import { negativeExponential } from './mamba'
import type { PartPlace } from './place'
import {
  findOutput,
  findProjected,
  type OutputTensors,
  type ProjectedTensors,
  planOutput,
  planProjected,
} from './projected'

export interface DeltaNetTensors {
  readonly kind: 'delta-net'
  readonly is: DeltaNetDescription
  /** Elements of q, or of k, of all heads; of v, or of z; of q, k and v. */
  readonly keys: number
  readonly values: number
  readonly channels: number
  readonly input: ProjectedTensors
  readonly convolution: ConvolutionTensors
  /** −e^A_log and the bias of a of each value head, and the norm's weight, among the layer's constants. */
  readonly rateAt: number
  readonly dtBiasAt: number
  readonly normAt: number
  readonly output: OutputTensors
  /** f32 values of a slot. */
  readonly stateLength: number
}

export function findDeltaNet(place: PartPlace, part: DeltaNetDescription): DeltaNetTensors {
  const { find, constants } = place
  const { keyHeads, valueHeads, keyDim, valueDim, norm } = part
  const [keys, values] = [keyHeads * keyDim, valueHeads * valueDim]
  const channels = 2 * keys + values
  return {
    kind: 'delta-net',
    is: part,
    keys,
    values,
    channels,
    input: findProjected(place, part.projections),
    convolution: findConvolution(place, part.convolution, channels),
    rateAt: constants.add(find.vector(part.aLog, valueHeads), valueHeads, negativeExponential),
    dtBiasAt: constants.add(find.vector(part.dtBias, valueHeads), valueHeads),
    normAt: constants.add(find.vector(norm.weight, valueDim), valueDim),
    output: findOutput(place, part.output, values),
    stateLength: convolutionState(channels) + keyDim * values,
  }
}

export function deltaNetScratch({ input, channels, values }: DeltaNetTensors): ScratchWidths {
  return { projected: input.width, convolved: channels, scanned: values, attended: paddedColumns(values) }
}

/** Where the parts of a projected row lie: value heads in runs, from one run to the next `stride` apart. */
function placesOf({ is, keys, values, channels }: DeltaNetTensors) {
  const { order, keyHeads, valueHeads, keyDim, valueDim } = is
  if (order === 'by part') {
    return {
      convolved: [{ offset: 0, run: channels, runStride: 0, firstChannel: 0, channels }],
      z: { offset: channels, run: valueHeads, stride: 0 },
      gates: { b: channels + values, a: channels + values + valueHeads, run: valueHeads, stride: 0 },
    }
  }
  const run = valueHeads / keyHeads
  const runStride = 2 * keyDim + 2 * run * valueDim
  const key = { run: keyDim, runStride, channels: keys }
  const gates = 2 * keys + 2 * values
  return {
    convolved: [
      { ...key, offset: 0, firstChannel: 0 },
      { ...key, offset: keyDim, firstChannel: keys },
      { offset: 2 * keyDim, run: run * valueDim, runStride, firstChannel: 2 * keys, channels: values },
    ],
    z: { offset: 2 * keyDim + run * valueDim, run, stride: runStride },
    gates: { b: gates, a: gates + run, run, stride: 2 * run },
  }
}

export function planDeltaNet(
  context: PlanContext,
  tensors: DeltaNetTensors,
  buffers: StatefulBuffers,
  rows: PartRows,
): void {
  const { plan, activations, layout, variants } = context
  const { projected, convolved, scanned, attended } = activations.scratch
  const { keys, values, channels, input, is } = tensors
  const { keyHeads, valueHeads, keyDim, valueDim, norm } = is
  const { constants, state } = buffers
  const places = placesOf(tensors)
  planProjected(context, input, constants, { ...rows, to: projected })
  for (const place of places.convolved) {
    planConvolution(context, tensors.convolution, buffers, {
      ...place,
      from: projected,
      fromStride: input.width,
      activated: true,
      to: convolved,
      toStride: channels,
    })
  }
  plan.add(deltaScan, {
    variant: {
      constants: {
        workgroup_size: scanLanes(keyDim, variants.headLanes),
        heads: valueHeads,
        key_dim: keyDim,
        value_dim: valueDim,
      },
    },
    buffers: {
      x: convolved,
      gates: projected,
      constants,
      batch: activations.batch,
      state: state.buffer,
      y: scanned,
    },
    params: {
      chunks_at: layout.chunks,
      state_stride: state.slotBytes / 16,
      state_offset: convolutionState(channels) / 4,
      x_stride: channels / 4,
      q_offset: 0,
      k_offset: keys / 4,
      v_offset: 2 * keys,
      key_run: valueHeads / keyHeads,
      key_heads: keyHeads,
      gates_stride: input.width,
      a_offset: places.gates.a,
      b_offset: places.gates.b,
      gates_run: places.gates.run,
      gates_run_stride: places.gates.stride,
      rate_offset: tensors.rateAt,
      dt_bias_offset: tensors.dtBiasAt,
      y_stride: values,
    },
    shape: ({ chunks, tokens }) => ({ chunks, tokens }),
  })
  plan.add(gatedNorm, {
    variant: {
      constants: { workgroup_size: variants.headLanes },
      conditions: { normed: true, gate_first: false },
    },
    buffers: { x: scanned, gate: projected, constants, y: attended },
    params: {
      width: valueDim,
      x_stride: values,
      gate_stride: input.width,
      gate_offset: places.z.offset,
      gate_run: places.z.run,
      gate_run_stride: places.z.stride,
      gate_scale: 1,
      weight_offset: tensors.normAt,
      weight_stride: 0,
      y_stride: paddedColumns(values),
      scale: 1,
      eps: norm.epsilon,
    },
    shape: (shape) => ({ tokens: tokensOf(shape), groups: valueHeads, width: valueDim }),
  })
  planOutput(context, tensors.output, constants, attended, rows)
}
