import { describe, it } from 'vitest'
import { drawnTarget, logprobs, resultWords } from '../../../src/kernels/sample'
import { logprobs as reference } from '../../reference/logprobs'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, expectSame, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

interface Question {
  readonly id: number
  readonly top: number
}

/** The results as words and as floats; `drawn` are the ids that `sample` has left there. */
async function ask(
  lanes: number,
  logits: Float32Array<ArrayBuffer>,
  vocab: number,
  questions: readonly Question[],
  drawn: readonly number[] = [],
) {
  const before = new Uint32Array(questions.length * resultWords).fill(77)
  drawn.forEach((id, row) => {
    before[row * resultWords] = id
  })
  const outputs = await runKernel(gpu, logprobs, {
    variant: { constants: { workgroup_size: lanes } },
    inputs: {
      logits,
      batch: new Uint32Array([1, 2, ...questions.flatMap(({ id, top }) => [id, top])]),
      results: before,
    },
    params: { vocab, targets_at: 2, result_words: resultWords },
    shape: { rows: questions.length, vocab },
  })
  return { words: outputs.words('results'), floats: outputs.floats('results') }
}

describe.each([...new Set(testVariants(gpu).map(({ samplerLanes }) => samplerLanes))])(
  'log-probabilities by %s lanes',
  (lanes) => {
    it.each([1, 3, 999, 49153, 262144])('of a vocabulary of %s', async (vocab) => {
      const random = new Random(vocab)
      const rows = vocab > 100000 ? 1 : 3
      const logits = random.normals(rows * vocab, 5)
      const top = Math.min(vocab, 20)
      const questions = [top, 1, Math.min(vocab, 5)]
        .slice(0, rows)
        .map((count) => ({ id: random.integer(vocab), top: count }))
      const { words, floats } = await ask(lanes, logits, vocab, questions)
      questions.forEach(({ id, top }, row) => {
        const own = logits.subarray(row * vocab, (row + 1) * vocab)
        const expected = reference(own, id, top)
        const label = `logprobs ${lanes} lanes, vocabulary ${vocab}, row ${row}`
        const at = row * resultWords
        expectSame(`${label}, id and rank`, [words[at + 3]!, words[at + 2]!], [id, expected.rank])
        const ids = Array.from({ length: top }, (_, i) => words[at + 4 + 2 * i]!)
        expectSame(
          `${label}, top ids`,
          ids,
          expected.top.map((each) => each.id),
        )
        const got = [floats[at + 1]!, ...ids.map((_, i) => floats[at + 5 + 2 * i]!)]
        const wanted = [expected.logprob, ...expected.top.map((each) => each.logprob)]
        // The sum of exponentials is off by a few ulp each and an addition for each lane's turn; its logarithm by 3 ulp or
        // 2⁻²¹; two subtractions.
        const greatest = Math.max(...expected.top.map((each) => own[each.id]!))
        const sumError = gamma(2 * (3 + 2 * 10) + vocab / lanes + 10) + 2 ** -21
        const tolerance = (i: number) => sumError + gamma(8) * (Math.abs(wanted[i]!) + Math.abs(greatest))
        expectClose(label, got, wanted, tolerance)
      })
    })

    it('ranks ties by id, leaves NaN to the last, and touches no row that asks nothing', async () => {
      const logits = new Float32Array([1, 3, Number.NaN, 3, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5])
      const { words } = await ask(
        lanes,
        logits,
        5,
        [
          { id: 3, top: 4 },
          { id: 0, top: 0 },
          { id: drawnTarget, top: 1 },
        ],
        [0, 0, 4],
      )
      const row = (n: number) => words.subarray(n * resultWords, (n + 1) * resultWords)
      expectSame('rank and id of the tie', row(0).subarray(2, 4), [2, 3])
      expectSame(
        'best ids',
        [4, 6, 8, 10].map((i) => row(0)[i]!),
        [1, 3, 0, 4],
      )
      expectSame('a row without a question', row(1).subarray(1), new Array(resultWords - 1).fill(77))
      expectSame('rank and id of the drawn', row(2).subarray(2, 4), [1, 4])
    })
  },
)
