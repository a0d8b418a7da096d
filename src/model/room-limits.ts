import type { DeviceInfo } from '../gpu/device'
import { splitSize } from '../kernels/attention'
import { attentionIn, valueDimOf } from './attention-in'
import type { ModelTensors } from './tensors'

/** Workgroups of one dispatch in a direction, on every device. */
const mostWorkgroups = 65535

/** f32 values that decode attention writes for one token and one split of its context, in the layer that has most. */
export function splitWidth({ layers }: Pick<ModelTensors, 'layers'>): number {
  return Math.max(0, ...attentionIn(layers).map((own) => own.heads * (valueDimOf(own) + 4)))
}

/** Tokens of the longest context whose splits fit into one binding, for so many sequences. */
export function longestContext(
  { maxBindingBytes }: Pick<DeviceInfo, 'maxBindingBytes'>,
  tensors: Pick<ModelTensors, 'layers'>,
  maxSequences: number,
): number {
  const splits = maxBindingBytes / (4 * maxSequences * splitWidth(tensors))
  return Math.max(1, Math.floor(splits)) * splitSize
}

/** Tokens of one step, at most: a router's experts and latent attention's heads have a workgroup for each token, or for four. */
export function mostStepTokens({ layers }: Pick<ModelTensors, 'layers'>): number {
  const perToken = layers.flatMap(({ feedForward }) =>
    feedForward.parts.flatMap((part) => (part.kind === 'experts' ? [part.router.top] : [])),
  )
  const perFour = attentionIn(layers).flatMap(({ heads, latent }) => (latent ? [heads] : []))
  return Math.min(
    ...perToken.map((top) => Math.floor(mostWorkgroups / top)),
    ...perFour.map((heads) => 4 * Math.floor(mostWorkgroups / heads)),
  )
}
