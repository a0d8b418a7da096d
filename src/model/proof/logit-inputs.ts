/** More ids than one workgroup of `adjust_logits` takes. */
export const vocab = 5000

/** The id with the greatest logit. */
export const best = 777

/** Logits from which ids are drawn; but for the best one, many have the same. */
export function logitToDraw(id: number): number {
  return id === best ? 3 : ((7 * id) % 11) / 4
}

/** Draws that leave more than one id: of all, and of those that top-k keeps. */
export const draws = [
  { temperature: 1, seed: 7 },
  { temperature: 0.75, topK: 900, topP: 0.75, seed: 9 },
] as const
