export interface RouteForm {
  readonly top: number
  readonly logistic?: boolean
  /** A bias for each expert that counts in the choice alone. */
  readonly correction?: ArrayLike<number>
  readonly groups?: number
  readonly topGroups?: number
  readonly bestTwo?: boolean
  /** What is added to the sum that shares are divided by. */
  readonly eps?: number
  readonly scale?: number
}

/** Numbers of the greatest values, greatest first; of equal ones the first. */
function greatest(values: readonly number[], count: number): number[] {
  const order = values.map((_, i) => i)
  order.sort((a, b) => values[b]! - values[a]! || a - b)
  return order.slice(0, count)
}

/** The experts of one token and their shares, in doubles. */
export function route(logits: readonly number[], form: RouteForm): { experts: number[]; shares: number[] } {
  const { top, logistic = false, correction, groups = 1, topGroups = 1, bestTwo = false, scale = 1 } = form
  const most = Math.max(...logits)
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0)
  const scores = logits.map((logit) => (logistic ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit - most) / sum))
  let choices = scores.map((score, i) => score + (correction?.[i] ?? 0))
  if (groups > 1) {
    const members = choices.length / groups
    const ofGroups = Array.from({ length: groups }, (_, g) => {
      const sorted = choices.slice(g * members, (g + 1) * members).sort((a, b) => b - a)
      return sorted[0]! + (bestTwo ? (sorted[1] ?? 0) : 0)
    })
    const kept = new Set(greatest(ofGroups, topGroups))
    choices = choices.map((choice, i) => (kept.has(Math.floor(i / members)) ? choice : 0))
  }
  const experts = greatest(choices, top)
  const chosen = experts.map((expert) => scores[expert]!)
  const divisor = form.eps === undefined ? 1 : chosen.reduce((total, score) => total + score, form.eps)
  return { experts, shares: chosen.map((score) => (score / divisor) * scale) }
}
