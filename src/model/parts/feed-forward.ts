import type { FeedForwardDescription } from '../description'
import { lazyParts } from '../lazy-parts'
import type { ScratchWidths } from '../scratch'
import type { LayerBuffers, PartRows, PlanContext } from './context'
import { type DenseTensors, denseScratch, findDense, planDense } from './dense'
import type { ExpertsTensors } from './experts'
import type { PartPlace } from './place'

/** What a layer does with each token by itself, by its kind. */
export type FeedForwardTensors = DenseTensors | ExpertsTensors

export function findFeedForward(place: PartPlace, part: FeedForwardDescription): FeedForwardTensors {
  return part.kind === 'experts' ? lazyParts.experts.fetched.findExperts(place, part) : findDense(place, part)
}

export function feedForwardScratch(part: FeedForwardTensors): ScratchWidths {
  return part.kind === 'experts' ? lazyParts.experts.fetched.expertsScratch(part) : denseScratch(part)
}

export function planFeedForward(
  context: PlanContext,
  part: FeedForwardTensors,
  buffers: LayerBuffers,
  rows: PartRows,
): void {
  if (part.kind === 'experts') lazyParts.experts.fetched.planExperts(context, part, buffers, rows)
  else planDense(context, part, buffers, rows)
}
