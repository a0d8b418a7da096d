import { compare } from './logprobs'

export interface Sampling {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly seed: number
  readonly position: number
}

/** How far rounding may move a probability, relative to it, and a noisy logit, before two answers are both right. */
export interface Slack {
  readonly mass: number
  readonly noise: number
}

export interface Draw {
  readonly id: number
  /** Ids that would be drawn under another rounding: `id`, near ties of it, and none else. */
  readonly accepted: ReadonlySet<number>
  /** The ids that pass all filters. */
  readonly kept: readonly number[]
}

/**
 * Draws one id: temperature, then top-k, then top-p of what is left, then min-p; ids that tie with the last one kept are
 * kept; −∞ is never drawn. Of those, the greatest logit / temperature + Gumbel noise, which draws each with its probability.
 */
export function sample(logits: ArrayLike<number>, sampling: Sampling, slack: Slack): Draw {
  const { temperature } = sampling
  const usable = Array.from({ length: logits.length }, (_, i) => i)
    .filter((id) => !Number.isNaN(logits[id]!) && logits[id] !== Number.NEGATIVE_INFINITY)
    .sort((a, b) => compare(logits, a, b))
  const best = usable[0]!
  if (temperature === 0) return { id: best, accepted: new Set([best]), kept: [best] }
  const scaled = (id: number) => (logits[id]! - logits[best]!) / temperature
  const surely = filter(usable, scaled, sampling, -slack.mass)
  const perhaps = filter(usable, scaled, sampling, slack.mass)
  const noisy = new Map(perhaps.map((id) => [id, scaled(id) + gumbel(sampling.seed, sampling.position, id)]))
  const id = surely.reduce((a, b) => (noisy.get(b)! > noisy.get(a)! ? b : a))
  const least = noisy.get(id)! - slack.noise
  return { id, accepted: new Set(perhaps.filter((each) => noisy.get(each)! >= least)), kept: surely }
}

/** The ids, best first, that pass top-k, top-p and min-p; `slack` widens top-p and min-p, or narrows them. */
function filter(
  ids: readonly number[],
  scaled: (id: number) => number,
  { topK, topP, minP }: Sampling,
  slack: number,
): number[] {
  let kept = [...ids]
  const upTo = (count: number) => kept.filter((id) => scaled(id) >= scaled(kept[count - 1]!))
  if (topK > 0 && topK < kept.length) kept = upTo(topK)
  if (topP < 1) {
    const masses = kept.map((id) => Math.exp(scaled(id)))
    const wanted = topP * (1 + slack) * masses.reduce((sum, mass) => sum + mass, 0)
    let sum = 0
    let count = 0
    while (count < kept.length && (count === 0 || sum < wanted)) sum += masses[count++]!
    kept = upTo(count)
  }
  const floor = minP * (1 - slack)
  return kept.filter((id) => scaled(id) === 0 || Math.exp(scaled(id)) >= floor)
}

/** −ln(−ln(u)) with u = 1 − (hash + ½) / 2³², the hash of the seed, the position and the id. */
function gumbel(seed: number, position: number, id: number): number {
  const hash = pcg(pcg(pcg(seed) ^ BigInt(position)) ^ BigInt(id))
  return -Math.log(-Math.log1p(-(Number(hash) + 0.5) / 2 ** 32))
}

/** The output permutation RXS-M-XS of PCG with 32 bits of state (O'Neill 2014). */
function pcg(input: number | bigint): bigint {
  const low = (value: bigint) => value & 0xffffffffn
  const state = low(BigInt(input) * 747796405n + 2891336453n)
  const word = low(((state >> ((state >> 28n) + 4n)) ^ state) * 277803737n)
  return (word >> 22n) ^ word
}
