import { paddedColumns } from '../matrix'
import type { ShortConvDescription } from '../recurrent-description'
import type { ScratchWidths } from '../scratch'
import type { PartRows, PlanContext, StatefulBuffers } from './context'
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

export interface ShortConvTensors {
  readonly kind: 'short-conv'
  readonly channels: number
  readonly input: ProjectedTensors
  readonly convolution: ConvolutionTensors
  readonly output: OutputTensors
  /** f32 values of a slot. */
  readonly stateLength: number
}

export function findShortConv(place: PartPlace, part: ShortConvDescription): ShortConvTensors {
  const channels = part.input.rows / 3
  return {
    kind: 'short-conv',
    channels,
    input: findProjected(place, [part.input]),
    convolution: findConvolution(place, part.convolution, channels),
    output: findOutput(place, part.output, channels),
    stateLength: convolutionState(channels),
  }
}

export function shortConvScratch({ input, channels }: ShortConvTensors): ScratchWidths {
  return { projected: input.width, attended: paddedColumns(channels) }
}

export function planShortConv(
  context: PlanContext,
  { input, convolution, output, channels }: ShortConvTensors,
  buffers: StatefulBuffers,
  rows: PartRows,
): void {
  const { projected, attended } = context.activations.scratch
  planProjected(context, input, buffers.constants, { ...rows, to: projected })
  planConvolution(context, convolution, buffers, {
    from: projected,
    fromStride: input.width,
    offset: 2 * channels,
    channels,
    gates: { before: 0, after: channels },
    activated: false,
    to: attended,
    toStride: paddedColumns(channels),
  })
  planOutput(context, output, buffers.constants, attended, rows)
}
