import { allowsNothing, maskOf, maxBannedIds, maxBiases, nothingAllowed } from '../model/sampling'
import { OctavoError } from '../util/octavo-error'
import type { GenerationRequest, StopSettings } from './generation'

/** Ids that would end the text, and are not to be drawn before `min_tokens`. */
export function heldBackIds(
  { ignoreEos, stopTokenIds }: StopSettings,
  eosIds: readonly number[],
): readonly number[] {
  return [...new Set([...(ignoreEos ? [] : eosIds), ...stopTokenIds])]
}

/**
 * Checks a request's sampling against the vocabulary.
 *
 * @throws OctavoError 'invalid-request' for an id outside of it, and where no id may be drawn
 */
export function checkSampling(
  { sampler, stop }: GenerationRequest,
  eosIds: readonly number[],
  vocab: number,
): void {
  const { logitBias, allowedIds } = sampler
  checkIds(
    'logit_bias',
    logitBias.map(([id]) => id),
    vocab,
  )
  if (logitBias.length > maxBiases) {
    throw new OctavoError(
      'invalid-request',
      `logit_bias has ${logitBias.length} token ids; ${maxBiases} are the most.`,
      'Give fewer, or name what may be drawn in allowed_token_ids.',
    )
  }
  checkIds('allowed_token_ids', allowedIds ?? [], vocab)
  const heldBack = stop.minTokens > 0 ? heldBackIds(stop, eosIds) : []
  if (heldBack.length > maxBannedIds) {
    throw new OctavoError(
      'invalid-request',
      `min_tokens can hold back ${maxBannedIds} ids; the model’s end ids and stop_token_ids are more.`,
      'Give fewer stop_token_ids, or no min_tokens.',
    )
  }
  if (allowedIds && allowsNothing(maskOf(allowedIds, vocab), heldBack, vocab)) throw nothingAllowed()
}

/** @throws OctavoError 'invalid-request' for the first id outside of the vocabulary, naming where it stands */
export function checkIds(where: string, ids: readonly number[], vocab: number): void {
  const foreign = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocab)
  if (foreign === undefined) return
  throw new OctavoError(
    'invalid-request',
    `${where} has the token id ${foreign}; the model’s vocabulary has ${vocab}.`,
    'Give ids of this model’s own tokenizer.',
  )
}
