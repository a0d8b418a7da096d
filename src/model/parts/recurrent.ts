import type { MixerDescription } from '../description'
import type { ScratchWidths } from '../scratch'
import type { PartRows, PlanContext, StatefulBuffers } from './context'
import { type DeltaNetTensors, deltaNetScratch, findDeltaNet, planDeltaNet } from './delta-net'
import { findMamba, type MambaTensors, mambaScratch, planMamba } from './mamba'
import type { PartPlace } from './place'
import { findShortConv, planShortConv, type ShortConvTensors, shortConvScratch } from './short-conv'

/** What mixes tokens by a state of all before them, by its kind. */
export type RecurrentTensors = ShortConvTensors | MambaTensors | DeltaNetTensors

export function findRecurrent(
  place: PartPlace,
  part: Exclude<MixerDescription, { kind: 'attention' }>,
): RecurrentTensors {
  switch (part.kind) {
    case 'short-conv':
      return findShortConv(place, part)
    case 'mamba':
      return findMamba(place, part)
    case 'delta-net':
      return findDeltaNet(place, part)
  }
}

export function recurrentScratch(part: RecurrentTensors): ScratchWidths {
  switch (part.kind) {
    case 'short-conv':
      return shortConvScratch(part)
    case 'mamba':
      return mambaScratch(part)
    case 'delta-net':
      return deltaNetScratch(part)
  }
}

export function planRecurrent(
  context: PlanContext,
  part: RecurrentTensors,
  buffers: StatefulBuffers,
  rows: PartRows,
): void {
  if (part.kind === 'short-conv') planShortConv(context, part, buffers, rows)
  else if (part.kind === 'mamba') planMamba(context, part, buffers, rows)
  else planDeltaNet(context, part, buffers, rows)
}
