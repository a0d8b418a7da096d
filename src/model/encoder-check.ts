import { OctavoError } from '../util/octavo-error'
import type { EncoderRunner, EncoderSequence } from './encoder-step'
import { areAlike, reportRemedy } from './self-check'

/**
 * Runs a short text alone and among others before the model answers anybody: its numbers must be finite, and the same.
 *
 * @param difference `mostDifference`
 * @throws OctavoError 'malformed-file' where they are not finite or all the same, 'internal' where they differ
 */
export async function checkEncoder(runner: EncoderRunner, difference: number): Promise<void> {
  const { maxTokens, maxSequences, vocabSize } = runner.limits
  const text = (length: number): EncoderSequence => {
    const ids = Array.from({ length: Math.min(length, maxTokens) }, (_, i) => (i % 4) % vocabSize)
    return { ids, types: ids.map(() => 0) }
  }
  const own = text(7)
  const [alone] = await runner.run([own])
  const among = await runner.run([text(1), own, text(3)].slice(0, maxSequences))
  const wrong = whatIsWrong(alone!)
  if (wrong) {
    throw new OctavoError(
      'malformed-file',
      `The numbers that the model makes of a text are ${wrong}: its weights are damaged, or this GPU computes them wrongly.`,
      'Download the file again; if that does not help, try another browser.',
    )
  }
  if (!areAlike(alone!, among[1] ?? alone!, difference)) {
    throw new OctavoError(
      'internal',
      'On this GPU, a text that is encoded alone and among others gives different numbers.',
      reportRemedy,
    )
  }
}

/** What no model's numbers are, in words; kernels that did not run leave zeros. */
function whatIsWrong(values: Float32Array): string | null {
  if (!values.every(Number.isFinite)) return 'not finite'
  return values.length > 1 && values.every((value) => value === values[0]) ? 'all the same' : null
}
