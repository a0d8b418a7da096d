import type { RunnerLimits } from '../model/step'
import { OctavoError } from '../util/octavo-error'
import { checkIds, checkSampling } from './check-sampling'
import type { GenerationRequest } from './generation'

/** Tokens that one sequence can have, prompt and answer. */
function sequenceCapacity({ maxContext, blocks, blockSize }: RunnerLimits): number {
  return Math.min(maxContext, blocks * blockSize)
}

/**
 * Refuses what can never run.
 *
 * @throws OctavoError 'invalid-request', 'context-too-long'
 */
export function checkRequest(
  request: GenerationRequest,
  limits: RunnerLimits,
  eosIds: readonly number[],
): void {
  const { promptIds, stop } = request
  if (promptIds.length === 0) {
    throw new OctavoError('invalid-request', 'The prompt is empty.', 'Give at least one token of prompt.')
  }
  checkIds('The prompt', promptIds, limits.vocabSize)
  checkLength(promptIds.length, stop.maxTokens, sequenceCapacity(limits))
  const { minTokens, maxTokens } = stop
  if (minTokens > maxTokens) {
    throw new OctavoError(
      'invalid-request',
      `min_tokens is ${minTokens}, and the answer can have ${maxTokens}.`,
      'Lower min_tokens, or make room for the answer: a larger max_tokens, a shorter prompt.',
    )
  }
  checkSampling(request, eosIds, limits.vocabSize)
}

function checkLength(prompt: number, maxTokens: number, capacity: number): void {
  if (prompt > (maxTokens > 0 ? capacity - 1 : capacity)) {
    throw new OctavoError(
      'context-too-long',
      `The prompt has ${prompt} tokens; the context holds ${capacity}, the answer included.`,
      'Shorten the prompt, or load the model with a larger kvCache.maxTokens.',
    )
  }
  if (prompt + maxTokens > capacity) {
    throw new OctavoError(
      'context-too-long',
      `The prompt has ${prompt} tokens and max_tokens is ${maxTokens}, together ${prompt + maxTokens}; ` +
        `the context holds ${capacity}.`,
      `Lower max_tokens to ${capacity - prompt}, leave it out to answer up to the context’s end, or shorten the prompt.`,
    )
  }
}

/** What an engine takes, and how much of it is taken. */
export interface Occupancy {
  readonly maxSequences: number
  readonly maxWaiting: number
  readonly running: number
  readonly waiting: number
}

/**
 * Refuses generations that came together if there is no place for all of them.
 *
 * @throws OctavoError 'invalid-request' if there never is, 'queue-full' if there is not now
 */
export function checkRoom(count: number, { maxSequences, maxWaiting, running, waiting }: Occupancy): void {
  const places = maxSequences + maxWaiting
  if (count > places) {
    throw new OctavoError(
      'invalid-request',
      `The request asks for ${count} answers at once; this engine takes ${places}: maxSequences is ` +
        `${maxSequences} and maxWaiting ${maxWaiting}.`,
      `Lower n, or give fewer prompts, to ${places} answers; or load the model with a larger maxWaiting.`,
    )
  }
  if (running + waiting + count > places) {
    const left = Math.max(0, places - running - waiting)
    throw new OctavoError(
      'queue-full',
      `${running} requests run and ${waiting} wait; this engine takes ${left} more, and ${count} came.`,
      'Send the request again when others have ended, or load the model with a larger maxWaiting.',
    )
  }
}
