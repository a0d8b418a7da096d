import { lazyParts } from './lazy-parts'
import { feedForwardScratch } from './parts/feed-forward'
import { mixerScratch } from './parts/mixer'
import type { ModelTensors } from './tensors'

/** Rows that parts write and read again within a layer, or in each of them: f32 [tokens, width]. */
const scratchNames = [
  'projected',
  'normedQuery',
  'query',
  'convolved',
  'scanned',
  'attended',
  'unfolded',
  'activated',
  'gateUp',
  'routed',
  'expertRows',
  'part',
  'layerInputs',
  'streams',
  'predicted',
] as const

export type ScratchName = (typeof scratchNames)[number]

/** f32 values a token; what a part does not name it does not use. */
export type ScratchWidths = Partial<Record<ScratchName, number>>

/** The widest rows of each name over all layers; 0 where none uses them. */
export function scratchWidths(
  { layers, layerInputs, altUp }: ModelTensors,
  stride: number,
): Record<ScratchName, number> {
  const widths = Object.fromEntries(scratchNames.map((name) => [name, 0])) as Record<ScratchName, number>
  const widen = (wanted: ScratchWidths) => {
    for (const name of scratchNames) widths[name] = Math.max(widths[name], wanted[name] ?? 0)
  }
  if (altUp) widen(lazyParts.altUp.fetched.altUpScratch(altUp))
  if (layerInputs) widen(lazyParts.layerInputs.fetched.layerInputsScratch(layerInputs))
  for (const { mixer, feedForward, laurel, ownInput } of layers) {
    if (laurel) widen(lazyParts.laurel.fetched.laurelScratch(laurel, stride))
    for (const part of mixer.parts) widen(mixerScratch(part))
    for (const part of feedForward.parts) widen(feedForwardScratch(part))
    if (ownInput || mixer.outNorm || feedForward.outNorm) widen({ part: stride })
  }
  return widths
}
