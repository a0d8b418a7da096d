import { expect } from 'vitest'
import greedy from '../golden/smollm2/greedy.json'

export type GoldenPrompt = (typeof greedy.prompts)[number]

export const eosId = greedy.eosId

export function goldenPrompt(id: string): GoldenPrompt {
  const prompt = greedy.prompts.find((each) => each.id === id)
  if (!prompt) throw new Error(`no prompt ${id}`)
  return prompt
}

/** Prompts of at least so many and at most so many tokens, shortest first. */
export function goldenPrompts(least: number, most: number): GoldenPrompt[] {
  return greedy.prompts
    .filter(({ promptIds }) => promptIds.length >= least && promptIds.length <= most)
    .sort((a, b) => a.promptIds.length - b.promptIds.length)
}

/** The formats of the cache that the reference has tolerances for. */
export type GoldenFormat = 'f16' | 'f32'

/**
 * Compares one step with the reference, whose own ids were fed up to here: the best id, unless the second is nearly as
 * good, the best logit and its margin; at the first step also the 20 best logits and their log-probabilities.
 */
export function expectStep(
  prompt: GoldenPrompt,
  step: number,
  got: { readonly best: number; readonly logits: Float32Array },
  format: GoldenFormat,
): void {
  const { logits } = got
  const tolerance = greedy.tolerance[format]
  const at = `${prompt.id}, step ${step}`
  const [id, second, margin] = [prompt.ids[step]!, prompt.secondIds[step]!, prompt.margins[step]!]
  expect(margin < greedy.nearTie[format] ? [id, second] : [id], at).toContain(got.best)
  expect(Math.abs(logits[id]! - prompt.bestLogits[step]!), `${at}: best logit`).toBeLessThan(tolerance)
  expect(Math.abs(logits[id]! - logits[second]! - margin), `${at}: margin`).toBeLessThan(tolerance)
  if (step > 0) return
  const logSum = logSumExp(logits)
  prompt.firstTop.ids.forEach((top, i) => {
    const { [i]: logit } = prompt.firstTop.logits
    const { [i]: logprob } = prompt.firstTop.logprobs
    expect(Math.abs(logits[top]! - logit!), `${at}: logit of ${top}`).toBeLessThan(tolerance)
    expect(Math.abs(logits[top]! - logSum - logprob!), `${at}: log-probability of ${top}`).toBeLessThan(
      tolerance,
    )
  })
}

function logSumExp(logits: Float32Array): number {
  const greatest = logits.reduce((best, logit) => Math.max(best, logit))
  return greatest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - greatest), 0))
}

/** The reference's ids as far as a free run must have them: up to the first near tie. */
export function certainIds(prompt: GoldenPrompt, format: GoldenFormat): readonly number[] {
  const tie = prompt.margins.findIndex((margin) => margin < greedy.nearTie[format])
  return tie < 0 ? prompt.ids : prompt.ids.slice(0, tie)
}
