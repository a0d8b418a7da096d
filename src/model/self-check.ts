import type { Invariance } from '../util/invariance'
import { OctavoError } from '../util/octavo-error'
import type { Activations } from './activations'
import { takesHalfRows } from './rounded-rows'
import type { GpuRunner } from './runner'
import { greedy, type StepChunk } from './step'
import type { Variants } from './variants'

/** For who gets no engine, and so no diagnostics of it. */
export const reportRemedy =
  'Update the graphics driver or the browser; if that does not help, report this message with the names of GPU and browser.'

/** Tokens of the check: a chunk that ends inside a tile of four, and ids that every vocabulary has. */
const ids = [1, 0, 2, 1, 3, 2, 1]

interface CheckedParts {
  readonly invariance: Invariance
  readonly activations: Pick<Activations, 'rounded'>
}

type CheckedVariants = Pick<Variants, 'halfRows' | 'matmul'>

/**
 * By how much results may differ that should be the same, in shares of the greatest: not at all; by the order of their sums; or
 * by rounding what one of the two ways rounds to f16.
 */
export function mostDifference(
  { invariance, activations: { rounded } }: CheckedParts,
  variants: CheckedVariants,
): number {
  if (invariance === 'on') return 0
  return takesHalfRows(rounded, variants) ? 0.02 : 1e-3
}

/** Whether results are the same but for such a difference; NaN never is. */
export function areAlike(some: Float32Array, others: Float32Array, difference: number): boolean {
  const greatest = some.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return some.every((value, i) => Math.abs(value - others[i]!) <= difference * greatest)
}

/**
 * Runs one short prompt twice before the model answers anybody, as one chunk and token by token: the many-column and
 * the one-column kernels, and both kinds of attention, must agree on finite numbers.
 *
 * @param difference `mostDifference`
 * @throws OctavoError 'malformed-file' where the weights give no finite logits, 'internal' where kernels disagree
 */
export async function checkModel(runner: GpuRunner, difference: number): Promise<void> {
  const { limits } = runner
  const prompt = ids.map((id) => Math.min(id, limits.vocabSize - 1)).slice(0, limits.maxContext)
  const chunk = (start: number, count: number, last: boolean): StepChunk => ({
    slot: 0,
    start,
    ids: prompt.slice(start, start + count),
    blocks: [0],
    copyBlock: null,
    copyState: null,
    sampler: last ? greedy : null,
    logprobs: null,
    promptLogprobs: null,
  })
  // What no kernel writes is not finite, either time.
  runner.spoilLogits()
  await runner.run([chunk(0, prompt.length, true)])
  const together = await runner.readLogits(1)
  runner.spoilLogits()
  for (let i = 0; i < prompt.length; i++) await runner.run([chunk(i, 1, i === prompt.length - 1)])
  const apart = await runner.readLogits(1)
  if (!together.every(Number.isFinite)) {
    throw new OctavoError(
      'malformed-file',
      'The model’s logits are not finite: its weights are damaged, or this GPU computes them wrongly.',
      'Download the file again, or choose another quantization; if that does not help, try another browser.',
    )
  }
  if (!areAlike(together, apart, difference)) {
    throw new OctavoError(
      'internal',
      'On this GPU, a prompt computed at once and token by token gives different numbers.',
      reportRemedy,
    )
  }
}
