import type { MixerDescription } from '../description'
import type { ScratchWidths } from '../scratch'
import { type AttentionTensors, attentionScratch, findAttention, planAttention } from './attention'
import type { LayerBuffers, PartRows, PlanContext } from './context'
import { type DeltaNetTensors, deltaNetScratch, findDeltaNet, planDeltaNet } from './delta-net'
import { findMamba, type MambaTensors, mambaScratch, planMamba } from './mamba'
import type { PartPlace } from './place'
import { findShortConv, planShortConv, type ShortConvTensors, shortConvScratch } from './short-conv'

/** What mixes tokens, by its kind. */
export type MixerTensors = AttentionTensors | ShortConvTensors | MambaTensors | DeltaNetTensors

export function findMixer(place: PartPlace, part: MixerDescription): MixerTensors {
  switch (part.kind) {
    case 'attention':
      return findAttention(place, part)
    case 'short-conv':
      return findShortConv(place, part)
    case 'mamba':
      return findMamba(place, part)
    case 'delta-net':
      return findDeltaNet(place, part)
  }
}

export function mixerScratch(part: MixerTensors): ScratchWidths {
  switch (part.kind) {
    case 'attention':
      return attentionScratch(part)
    case 'short-conv':
      return shortConvScratch(part)
    case 'mamba':
      return mambaScratch(part)
    case 'delta-net':
      return deltaNetScratch(part)
  }
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
  const own = { constants, state }
  if (part.kind === 'short-conv') planShortConv(context, part, own, rows)
  else if (part.kind === 'mamba') planMamba(context, part, own, rows)
  else planDeltaNet(context, part, own, rows)
}

/** f32 values that the part keeps of a sequence in its slot. */
export function stateLengthOf(part: MixerTensors): number {
  return part.kind === 'attention' ? 0 : part.stateLength
}
