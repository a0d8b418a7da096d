import { describe, it } from 'vitest'
import { maskOf } from '../../../src/model/sampling'
import { type Adjustment, adjustLogits as reference } from '../../reference/adjust_logits'
import { openTestGpu, testVariants } from '../../support/gpu'
import { expectClose, expectSame, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { adjustRows, type SampledRow } from '../../support/gpu-sampling'

const gpu = await openTestGpu()

const nothing: Adjustment = {
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
  promptIds: [],
  answerIds: [],
  allowedIds: null,
  bannedIds: [],
}

function asRow({ allowedIds, promptIds, answerIds, ...settings }: Adjustment, vocab: number): SampledRow {
  const history = { ids: [...promptIds, ...answerIds], promptTokens: promptIds.length }
  return { ...settings, allowed: allowedIds && maskOf(allowedIds, vocab), history }
}

/** Rows that ask for one thing each, for nothing, and for all at once. */
function adjustments(vocab: number, random: Random): Adjustment[] {
  const some = (count: number) => Array.from({ length: count }, () => random.integer(vocab))
  const promptIds = some(40)
  const answerIds = [...some(30), ...promptIds.slice(0, 10), ...promptIds.slice(0, 5)]
  const biased = [...new Set([...some(300), 0, vocab - 1, ...answerIds])]
  const logitBias = biased.map((id) => [id, 200 * random.uniform() - 100] as const)
  const all: Adjustment = {
    repetitionPenalty: 1.3,
    presencePenalty: 0.7,
    frequencyPenalty: -0.4,
    logitBias,
    promptIds,
    answerIds,
    allowedIds: [...some(Math.ceil(vocab / 2)), 0, vocab - 1],
    bannedIds: [vocab - 1, biased[1]!],
  }
  const { repetitionPenalty, presencePenalty, frequencyPenalty, allowedIds, bannedIds } = all
  const seen = { ...nothing, promptIds, answerIds }
  return [
    all,
    nothing,
    { ...seen, repetitionPenalty },
    { ...seen, repetitionPenalty: 0.5 },
    { ...seen, presencePenalty },
    { ...seen, frequencyPenalty },
    { ...nothing, logitBias },
    { ...nothing, allowedIds },
    { ...nothing, bannedIds: vocab > 2 ? bannedIds : [] },
    { ...nothing, allowedIds: [Math.floor(vocab / 2)] },
  ].map((each) => (vocab > 2 ? each : { ...each, bannedIds: [] }))
}

describe.each([...new Set(testVariants(gpu).map(({ samplerLanes }) => samplerLanes))])(
  'logits adjusted by %s lanes',
  (lanes) => {
    it.each([1, 31, 32, 999, 49153, 262144])('are the definition’s, of a vocabulary of %s', async (vocab) => {
      const random = new Random(vocab)
      const asked = adjustments(vocab, random).slice(0, vocab > 100_000 ? 3 : undefined)
      const logits = random.normals(asked.length * vocab, 5)
      const got = await adjustRows(
        gpu,
        lanes,
        logits,
        asked.map((each) => asRow(each, vocab)),
      )
      asked.forEach((each, row) => {
        const [from, to] = [row * vocab, (row + 1) * vocab]
        const own = logits.subarray(from, to)
        // A sum, a division of 2.5 ulp and two more sums, each of numbers no greater than these.
        const tolerance = (i: number) => gamma(8) * (Math.abs(own[i]!) + 100 + 20)
        const expected = reference(own, each).map((value) => Math.max(value, masked))
        expectClose(`adjust_logits ${lanes} lanes, row ${row}`, got.subarray(from, to), expected, tolerance)
      })
    })

    it('are the same bits where a row asks for nothing', async () => {
      const vocab = 500
      const logits = new Random(1).normals(2 * vocab, 5)
      const other = asRow({ ...nothing, bannedIds: [7] }, vocab)
      const got = await adjustRows(gpu, lanes, logits, [other, {}])
      expectSame('the row that asks for nothing', got.subarray(vocab), logits.subarray(vocab))
    })

    it('tell the ids of the prompt, which only the repetition penalty sees, from those of the answer', async () => {
      const logits = new Float32Array([2, 2, 2, -2])
      const history = { ids: [0, 3, 1, 1], promptTokens: 2 }
      const penalties = [{ repetitionPenalty: 2 }, { presencePenalty: 0.5 }, { frequencyPenalty: 0.5 }]
      const rows = penalties.map((each) => ({ ...each, history }))
      const got = await adjustRows(gpu, lanes, Float32Array.from(rows.flatMap(() => [...logits])), rows)
      expectSame('repetition', got.subarray(0, 4), [1, 1, 2, -4])
      expectSame('presence', got.subarray(4, 8), [2, 1.5, 2, -2])
      expectSame('frequency', got.subarray(8, 12), [2, 1, 2, -2])
    })
  },
)

/** What −∞ is on the GPU. */
const masked = Math.fround(-1e30)
