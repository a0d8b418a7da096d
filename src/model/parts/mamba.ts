import { gatedNorm } from '../../kernels/gated-norm'
import { scanLanes, ssmScan } from '../../kernels/scan'
import { paddedColumns } from '../matrix'
import type { MambaDescription } from '../recurrent-description'
import type { ScratchWidths } from '../scratch'
import { type PartRows, type PlanContext, type StatefulBuffers, tokensOf } from './context'
import { type ConvolutionTensors, convolutionState, findConvolution, planConvolution } from './convolution'
import type { PartPlace } from './place'
import {
  findOutput,
  findProjected,
  type OutputTensors,
  type ProjectedTensors,
  planOutput,
  planProjected,
} from './projected'

export interface MambaTensors {
  readonly kind: 'mamba'
  readonly is: MambaDescription
  /** Elements of x, and of x, B and C. */
  readonly inner: number
  readonly channels: number
  readonly input: ProjectedTensors
  readonly convolution: ConvolutionTensors
  /** −e^A_log, the bias of dt and D of each head, among the layer's constants. */
  readonly rateAt: number
  readonly dtBiasAt: number
  readonly skipAt: number
  readonly normAt: number | null
  readonly output: OutputTensors
  /** f32 values of a slot. */
  readonly stateLength: number
}

export const negativeExponential = (values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
  values.map((value) => -Math.exp(value))

export function findMamba(place: PartPlace, part: MambaDescription): MambaTensors {
  const { find, constants } = place
  const { heads, headDim, stateDim, groups, scales, norm } = part
  const inner = heads * headDim
  const channels = inner + 2 * groups * stateDim
  const scaleOf = (channel: number) => {
    if (channel < inner) return scales.x
    return channel < inner + groups * stateDim ? scales.b : scales.c
  }
  return {
    kind: 'mamba',
    is: part,
    inner,
    channels,
    input: findProjected(place, [part.input]),
    convolution: findConvolution(place, part.convolution, channels, scaleOf),
    rateAt: constants.add(find.vector(part.aLog, heads), heads, negativeExponential),
    dtBiasAt: constants.add(find.vector(part.dtBias, heads), heads),
    skipAt: constants.add(find.vector(part.skip, heads), heads),
    normAt: norm === null ? null : constants.add(find.vector(norm.weight, inner), inner),
    output: findOutput(place, part.output, inner),
    stateLength: convolutionState(channels) + inner * stateDim,
  }
}

export function mambaScratch({ input, channels, inner }: MambaTensors): ScratchWidths {
  return { projected: input.width, convolved: channels, scanned: inner, attended: paddedColumns(inner) }
}

export function planMamba(
  context: PlanContext,
  tensors: MambaTensors,
  buffers: StatefulBuffers,
  rows: PartRows,
): void {
  const { plan, activations, layout, variants } = context
  const { projected, convolved, scanned, attended } = activations.scratch
  const { inner, channels, input, is } = tensors
  const { heads, headDim, stateDim, groups, scales, dtLimit, norm } = is
  const { constants, state } = buffers
  planProjected(context, input, constants, { ...rows, to: projected })
  planConvolution(context, tensors.convolution, buffers, {
    from: projected,
    fromStride: input.width,
    offset: inner,
    channels,
    activated: true,
    to: convolved,
    toStride: channels,
  })
  plan.add(ssmScan, {
    variant: {
      constants: {
        workgroup_size: scanLanes(stateDim, variants.headLanes),
        heads,
        head_dim: headDim,
        state_dim: stateDim,
      },
    },
    buffers: {
      x: convolved,
      dt: projected,
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
      x_offset: 0,
      b_offset: inner / 4,
      c_offset: (inner + groups * stateDim) / 4,
      group_heads: heads / groups,
      dt_stride: input.width,
      dt_offset: input.width - heads,
      dt_scale: scales.dt,
      least_dt: dtLimit[0],
      most_dt: dtLimit[1],
      rate_offset: tensors.rateAt,
      dt_bias_offset: tensors.dtBiasAt,
      d_offset: tensors.skipAt,
      y_stride: inner,
    },
    shape: ({ chunks, tokens }) => ({ chunks, tokens }),
  })
  const parts = norm?.groups ?? 1
  plan.add(gatedNorm, {
    variant: {
      constants: { workgroup_size: variants.rowLanes },
      conditions: { normed: norm !== null, gate_first: norm?.gateFirst ?? false },
    },
    buffers: { x: scanned, gate: projected, constants, y: attended },
    params: {
      width: inner / parts,
      x_stride: inner,
      gate_stride: input.width,
      gate_offset: 0,
      gate_run: parts,
      gate_run_stride: 0,
      gate_scale: scales.z,
      weight_offset: tensors.normAt ?? 0,
      weight_stride: inner / parts,
      y_stride: paddedColumns(inner),
      scale: 1,
      eps: norm?.epsilon ?? 0,
    },
    shape: (shape) => ({ tokens: tokensOf(shape), groups: parts, width: inner / parts }),
  })
  planOutput(context, tensors.output, constants, attended, rows)
}
