/** What a request asks of the logits before the draw, and the ids that are there already. */
export interface Adjustment {
  readonly repetitionPenalty: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  readonly logitBias: readonly (readonly [id: number, bias: number])[]
  readonly promptIds: readonly number[]
  readonly answerIds: readonly number[]
  /** null: all. */
  readonly allowedIds: readonly number[] | null
  readonly bannedIds: readonly number[]
}

/**
 * Logits as the sampler sees them, in vLLM's order: bias; repetition penalty, by sign, on ids of prompt and answer;
 * frequency and presence penalty on ids of the answer. −∞ for an id that must not be drawn.
 */
export function adjustLogits(logits: ArrayLike<number>, adjustment: Adjustment): number[] {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, promptIds, answerIds } = adjustment
  const biases = new Map(adjustment.logitBias)
  const allowed = adjustment.allowedIds && new Set(adjustment.allowedIds)
  const seen = new Set([...promptIds, ...answerIds])
  const times = new Map<number, number>()
  for (const id of answerIds) times.set(id, (times.get(id) ?? 0) + 1)
  return Array.from(logits, (raw, id) => {
    if ((allowed && !allowed.has(id)) || adjustment.bannedIds.includes(id)) return Number.NEGATIVE_INFINITY
    let logit = raw + (biases.get(id) ?? 0)
    if (seen.has(id)) logit = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty
    const count = times.get(id)
    return count === undefined ? logit : logit - frequencyPenalty * count - presencePenalty
  })
}
