import { describe, expect, it } from 'vitest'
import { maskOf } from '../../../src/model/sampling'
import { greedy } from '../../../src/model/step'
import { software } from '../../../src/model/variants'
import { adjustLogits } from '../../reference/adjust_logits'
import { isQuick, openTestGpu, testVariants } from '../../support/gpu'
import { Random } from '../../support/gpu-random'
import { drawRows, repeated, type SampledRow } from '../../support/gpu-sampling'

const gpu = await openTestGpu()

const vocab = 24
const logits = new Random(21).normals(vocab, 1.5)
const count = isQuick(gpu) ? 4096 : 2048
const history = { ids: [3, 3, 5, 7, 3, 5, 11, 0], promptTokens: 3 }
const allowedIds = [0, 2, 3, 5, 8, 13, 21, 23]
const logitBias = [
  [1, 2],
  [4, -1.5],
  [20, 1],
] as const

const cases: Readonly<Record<string, SampledRow>> = {
  'temperature alone': { temperature: 1 },
  'a low temperature': { temperature: 0.6 },
  'a high temperature': { temperature: 1.7 },
  'top-k': { temperature: 1, topK: 6 },
  'top-p': { temperature: 1, topP: 0.8 },
  'min-p': { temperature: 1, minP: 0.15 },
  'top-k, top-p and min-p': { temperature: 1.2, topK: 12, topP: 0.9, minP: 0.05 },
  'a repetition penalty': { temperature: 0.8, repetitionPenalty: 1.6, history },
  'a presence penalty': { temperature: 0.8, presencePenalty: 1, history },
  'a frequency penalty': { temperature: 0.8, frequencyPenalty: 0.6, history },
  biases: { temperature: 1, logitBias },
  'a mask': { temperature: 1, allowed: maskOf(allowedIds, vocab) },
  'ids held back': { temperature: 1, bannedIds: [2, 9] },
  'all of them': {
    temperature: 0.9,
    topK: 6,
    topP: 0.95,
    repetitionPenalty: 1.2,
    presencePenalty: 0.3,
    frequencyPenalty: 0.2,
    history,
    logitBias,
    allowed: maskOf(allowedIds, vocab),
    bannedIds: [2],
  },
}

/** SwiftShader is slow with many lanes: there those do a few cases that take every branch. */
function casesFor(lanes: number): [string, SampledRow][] {
  const few = ['temperature alone', 'top-p', 'top-k, top-p and min-p', 'all of them']
  const all = isQuick(gpu) || lanes === software.samplerLanes
  return Object.entries(cases).filter(([name]) => all || few.includes(name))
}

/** The probability of each id, by the definitions. */
function probabilities(row: SampledRow): number[] {
  const { topK, topP, minP, temperature, ...settings } = { ...greedy, ...row }
  const { ids, promptTokens } = row.history ?? { ids: [], promptTokens: 0 }
  const adjusted = adjustLogits(logits, {
    ...settings,
    promptIds: ids.slice(0, promptTokens),
    answerIds: ids.slice(promptTokens),
    allowedIds: row.allowed ? allowedIds : null,
  })
  const order = adjusted.map((_, id) => id).sort((a, b) => adjusted[b]! - adjusted[a]!)
  const greatest = adjusted[order[0]!]!
  let kept = order.map((id) => ({ id, weight: Math.exp((adjusted[id]! - greatest) / temperature) }))
  if (topK > 0) kept = kept.slice(0, topK)
  const total = sum(kept.map(({ weight }) => weight))
  kept = kept.filter((_, i) => sum(kept.slice(0, i).map(({ weight }) => weight)) < topP * total)
  kept = kept.filter(({ weight }) => weight >= minP)
  const left = sum(kept.map(({ weight }) => weight))
  return adjusted.map((_, id) => (kept.find((each) => each.id === id)?.weight ?? 0) / left)
}

/** Pearson’s statistic; ids that are expected fewer than five times count together. */
function chiSquare(
  ids: readonly number[],
  expected: readonly number[],
): { statistic: number; degrees: number } {
  const drawn = expected.map((_, id) => ids.filter((each) => each === id).length)
  const cells: { drawn: number; expected: number }[] = []
  const rare = { drawn: 0, expected: 0 }
  expected.forEach((share, id) => {
    if (share * ids.length >= 5) cells.push({ drawn: drawn[id]!, expected: share * ids.length })
    else {
      rare.drawn += drawn[id]!
      rare.expected += share * ids.length
    }
  })
  if (rare.expected > 0) cells.push(rare)
  const statistic = sum(cells.map((cell) => (cell.drawn - cell.expected) ** 2 / cell.expected))
  return { statistic, degrees: cells.length - 1 }
}

/** What chi-square exceeds once in ten thousand times (Wilson and Hilferty 1931). */
function bound(degrees: number): number {
  const spread = 2 / (9 * degrees)
  return degrees * (1 - spread + 3.719 * Math.sqrt(spread)) ** 3
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

describe.each([...new Set(testVariants(gpu).map(({ samplerLanes }) => samplerLanes))])(
  'by %s lanes, ids are drawn as often as their probabilities say with',
  (lanes) => {
    it.each(casesFor(lanes))('%s', async (_, settings) => {
      const rows = Array.from({ length: count }, (_, position) => ({ ...settings, seed: 77, position }))
      const { ids } = await drawRows(gpu, lanes, repeated(logits, count), rows)
      const expected = probabilities(settings)
      const never = ids.filter((id) => expected[id] === 0)
      expect(never).toEqual([])
      const { statistic, degrees } = chiSquare(ids, expected)
      expect(degrees).toBeGreaterThan(1)
      expect(statistic).toBeLessThan(bound(degrees))
    })
  },
)

it('would notice draws at another temperature', async () => {
  const rows = Array.from({ length: count }, (_, position) => ({ temperature: 1, seed: 77, position }))
  const { ids } = await drawRows(gpu, 64, repeated(logits, count), rows)
  const { statistic, degrees } = chiSquare(ids, probabilities({ temperature: 1.2 }))
  expect(statistic).toBeGreaterThan(bound(degrees))
})
