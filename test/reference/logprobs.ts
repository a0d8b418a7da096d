export interface RowLogprobs {
  readonly logprob: number
  /** 1 for the best id; among equal logits the lower id is the better. NaN is below all. */
  readonly rank: number
  readonly top: readonly { readonly id: number; readonly logprob: number }[]
}

/** Natural-log softmax of one row of logits: of one id, and of the best `count` ids, best first. */
export function logprobs(logits: ArrayLike<number>, id: number, count: number): RowLogprobs {
  const order = Array.from({ length: logits.length }, (_, i) => i).sort((a, b) => compare(logits, a, b))
  const greatest = logits[order[0]!]!
  let sum = 0
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - greatest)
  const logprob = (i: number) => logits[i]! - greatest - Math.log(sum)
  return {
    logprob: logprob(id),
    rank: order.indexOf(id) + 1,
    top: order.slice(0, count).map((i) => ({ id: i, logprob: logprob(i) })),
  }
}

/** Sorts ids by logit, greatest first, then by number. */
export function compare(logits: ArrayLike<number>, a: number, b: number): number {
  const [x, y] = [logits[a]!, logits[b]!]
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b
  return y - x || a - b
}
