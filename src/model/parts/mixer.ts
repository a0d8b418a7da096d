import type { MixerDescription } from '../description'
import { lazyParts } from '../lazy-parts'
import type { ScratchWidths } from '../scratch'
import { type AttentionTensors, attentionScratch, findAttention, planAttention } from './attention'
import type { LayerBuffers, PartRows, PlanContext } from './context'
import type { PartPlace } from './place'
import type { RecurrentTensors } from './recurrent'

/** What mixes tokens, by its kind. */
export type MixerTensors = AttentionTensors | RecurrentTensors

export function findMixer(place: PartPlace, part: MixerDescription): MixerTensors {
  if (part.kind === 'attention') return findAttention(place, part)
  return lazyParts.recurrent.fetched.findRecurrent(place, part)
}

export function mixerScratch(part: MixerTensors): ScratchWidths {
  if (part.kind === 'attention') return attentionScratch(part)
  return lazyParts.recurrent.fetched.recurrentScratch(part)
}

export function planMixer(
  context: PlanContext,
  part: MixerTensors,
  buffers: LayerBuffers,
  rows: PartRows,
): void {
  if (part.kind === 'attention') {
    planAttention(context, part, buffers, rows)
    return
  }
  const { constants, state } = buffers
  if (state === null) throw new Error('a part has a state and its layer has none')
  lazyParts.recurrent.fetched.planRecurrent(context, part, { constants, state }, rows)
}

/** f32 values that the part keeps of a sequence in its slot. */
export function stateLengthOf(part: MixerTensors): number {
  return part.kind === 'attention' ? 0 : part.stateLength
}
