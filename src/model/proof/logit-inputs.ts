/** More ids than one workgroup of `adjust_logits` takes. */
export const vocab = 5000

/** The id with the greatest logit. */
export const best = 777

/** Logits from which ids are drawn; but for the best one, two have the same. */
export function logitToDraw(id: number): number {
  return id === best ? 6 : ((7 * id) % 2503) / 500
}

/** Draws that leave more than one id: of all, of more than a list takes, and of lists. */
export const draws = [
  { temperature: 1, seed: 7 },
  { temperature: 0.75, topK: 900, topP: 0.75, seed: 9 },
  { temperature: 0.75, topK: 60, topP: 0.4, seed: 5 },
  { temperature: 2, topK: 60, seed: 29 },
] as const
