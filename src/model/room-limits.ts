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

/** Tokens of the longest context whose splits fit into one binding, for so many sequences, as the tables of RoPE do. */
export function longestContext(
  { maxBindingBytes }: Pick<DeviceInfo, 'maxBindingBytes'>,
  { layers }: Pick<ModelTensors, 'layers'>,
  maxSequences: number,
): number {
  const splits = maxBindingBytes / (4 * maxSequences * splitWidth({ layers }))
  const turned = attentionIn(layers).map(({ rope }) =>
    rope ? maxBindingBytes / (4 * rope.headDim) : Number.POSITIVE_INFINITY,
  )
  return Math.min(Math.max(1, Math.floor(splits)) * splitSize, ...turned.map(Math.floor))
}

/**
 * Tokens of one step, at most: a router's experts have a workgroup for each of a token's experts, latent attention's heads one for
 * every four tokens, the last of them included.
 */
export function mostStepTokens({ layers }: Pick<ModelTensors, 'layers'>): number {
  const perToken = layers.flatMap(({ feedForward }) =>
    feedForward.parts.flatMap((part) => (part.kind === 'experts' ? [part.router.top] : [])),
  )
  const perFour = attentionIn(layers).flatMap(({ heads, latent }) => (latent ? [heads] : []))
  return Math.min(
    ...perToken.map((top) => Math.floor(mostWorkgroups / top)),
    ...perFour.map((heads) => Math.floor((4 * mostWorkgroups) / heads) - 3),
  )
}
