import type { ChunkResult } from '../model/step'
import { readDrawnId } from './drawn-id'
import type { GenerationEvent, GenerationRequest } from './generation'
import type { ScheduledChunk } from './scheduler'
import type { Sequence } from './sequence'

/** What a step means for one sequence. */
export interface Outcome {
  /** What its listener is to hear. */
  readonly events: readonly GenerationEvent[]
  /** An id was drawn: another may follow. */
  readonly drew: boolean
  /** Nothing follows. */
  readonly ended: boolean
}

/** Takes a step's result over into its sequence. */
export function outcomeOf({ sequence, chunk, count }: ScheduledChunk, result: ChunkResult): Outcome {
  const events: GenerationEvent[] = []
  const done = chunk.start + count
  result.promptLogprobs.forEach((logprobs, i) => {
    sequence.promptLogprobs[chunk.start + 1 + i] = logprobs
  })
  if (done < sequence.promptTokens) {
    events.push({ type: 'prefill', done, total: sequence.promptTokens })
  }
  if (!sequence.wantsTokens) {
    return done >= sequence.promptTokens - 1
      ? scored(sequence, events)
      : { events, drew: false, ended: false }
  }
  if (result.sampledId === null) return { events, drew: false, ended: false }
  reportPrompt(sequence, events)
  sequence.pending -= 1
  sequence.ids.push(result.sampledId)
  const { text, end } = readDrawnId(sequence, result.sampledId)
  const logprobs = result.logprobs ? [result.logprobs] : []
  events.push({ type: 'delta', text, ids: [result.sampledId], logprobs })
  return end ? finished(sequence, end.reason, end.stopReason, events) : { events, drew: true, ended: false }
}

/** Neither tokens nor log-probabilities of the prompt; the first token of a prompt has none. */
export function asksForNothing({ stop, promptLogprobs, promptIds }: GenerationRequest): boolean {
  return stop.maxTokens === 0 && (promptLogprobs === null || promptIds.length < 2)
}

/** The end of a sequence that wants no tokens. */
export function scored(sequence: Sequence, events: GenerationEvent[] = []): Outcome {
  reportPrompt(sequence, events)
  return finished(sequence, 'length', null, events)
}

function reportPrompt(sequence: Sequence, events: GenerationEvent[]): void {
  if (sequence.promptReported) return
  sequence.promptReported = true
  const logprobs = sequence.request.promptLogprobs === null ? null : sequence.promptLogprobs
  events.push({ type: 'prompt', logprobs, cachedTokens: sequence.cachedTokens ?? 0 })
}

function finished(
  sequence: Sequence,
  reason: 'stop' | 'length',
  stopReason: string | number | null,
  events: GenerationEvent[],
): Outcome {
  const { promptTokens, completionTokens } = sequence
  events.push({ type: 'finish', reason, stopReason, usage: { promptTokens, completionTokens } })
  return { events, drew: false, ended: true }
}
