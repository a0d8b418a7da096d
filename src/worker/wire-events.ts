import type { GenerationEvent } from '../engine/generation'
import type { TokenLogprobs } from '../model/step'
import type { Tokenizer } from '../text/types'
import type { WireEvent, WireLogprobs } from './protocol'

/** An event of the engine as the page takes it: ids of log-probabilities with their bytes. */
export function eventToWire(event: GenerationEvent, tokenizer: Pick<Tokenizer, 'tokenBytes'>): WireEvent {
  const logprobs = ({ id, logprob, rank, top }: TokenLogprobs): WireLogprobs => ({
    id,
    bytes: tokenizer.tokenBytes(id),
    logprob,
    rank,
    top: top.map((best) => ({ ...best, bytes: tokenizer.tokenBytes(best.id) })),
  })
  if (event.type === 'prompt') {
    return { ...event, logprobs: event.logprobs?.map((each) => each && logprobs(each)) ?? null }
  }
  if (event.type === 'delta') return { ...event, logprobs: event.logprobs.map(logprobs) }
  return event
}
