import { causalConv, keptInputs, mostTaps } from '../../kernels/causal-conv'
import { unsupported } from '../config-reader'
import { floatTypes } from '../float-matrix'
import type { ConvolutionDescription } from '../recurrent-description'
import type { LayerState } from '../state-copies'
import type { PlanContext } from './context'
import type { PartPlace } from './place'

/** A convolution whose weights have their places among a layer's constants. */
export interface ConvolutionTensors {
  readonly taps: number
  readonly weightAt: number
  readonly biasAt: number | null
}

/** `scaleOf`: what a channel's input is multiplied by before, which the weights do as well. */
export function findConvolution(
  { find, constants }: PartPlace,
  { stem, taps, bias }: ConvolutionDescription,
  channels: number,
  scaleOf: (channel: number) => number = () => 1,
): ConvolutionTensors {
  if (taps > mostTaps)
    throw unsupported(`Its convolutions reach over ${taps} tokens; up to ${mostTaps} are supported.`)
  const shape = find.header.kind === 'gguf' ? [channels, taps] : [channels, 1, taps]
  const weight = find.typed(`${stem}.weight`, [...floatTypes], shape)
  return {
    taps,
    weightAt: constants.add(weight, channels * taps, (values) =>
      values.map((value, i) => value * scaleOf(Math.floor(i / taps))),
    ),
    biasAt: find.biases([{ stem, rows: channels, bias }], constants),
  }
}

/** f32 values that a slot has for it. */
export function convolutionState(channels: number): number {
  return keptInputs * channels
}

interface ConvolvedRows {
  readonly from: GPUBuffer
  readonly fromStride: number
  /** Where the channels begin in a row, and how they lie. */
  readonly offset: number
  readonly run?: number
  readonly runStride?: number
  /** Of those that the weights have. */
  readonly firstChannel?: number
  readonly channels: number
  readonly gates?: { readonly before: number; readonly after: number }
  readonly activated: boolean
  readonly to: GPUBuffer
  readonly toStride: number
}

export function planConvolution(
  { plan, activations, layout, variants }: PlanContext,
  { taps, weightAt, biasAt }: ConvolutionTensors,
  { constants, state }: { readonly constants: GPUBuffer; readonly state: LayerState },
  rows: ConvolvedRows,
): void {
  const { channels, gates, firstChannel = 0 } = rows
  plan.add(causalConv, {
    variant: {
      constants: { workgroup_size: variants.rowLanes, taps },
      conditions: { gated: gates !== undefined, biased: biasAt !== null, activated: rows.activated },
    },
    buffers: { x: rows.from, constants, batch: activations.batch, state: state.buffer, y: rows.to },
    params: {
      chunks_at: layout.chunks,
      channels,
      x_stride: rows.fromStride,
      x_offset: rows.offset,
      run: rows.run ?? channels,
      run_stride: rows.runStride ?? 0,
      before_offset: gates?.before ?? 0,
      after_offset: gates?.after ?? 0,
      weight_offset: weightAt + firstChannel * taps,
      bias_offset: (biasAt ?? 0) + firstChannel,
      state_stride: state.slotBytes / 4,
      state_offset: convolutionState(firstChannel),
      y_stride: rows.toStride,
      y_offset: firstChannel,
    },
    shape: ({ chunks, tokens }) => ({ chunks, tokens, channels }),
  })
}
