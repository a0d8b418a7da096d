import type { Pipeline } from '../../gpu/pipeline'
import { drawnTarget, resultWords, settingsWords } from '../../kernels/sample'
import { maskOf, SamplingWriter } from '../sampling'
import { greedy, type SamplerSettings } from '../step'
import { drawn } from './known-answers'
import { best, draws, logitToDraw, vocab } from './logit-inputs'
import type { Trial } from './trial'
import type { Trials } from './trials'

const [second, third] = [5, 6]

/** Lets the kernels that make ids of logits do so. */
export function tryLogits(trials: Trials, pipelines: readonly Pipeline[]): readonly Trial[] {
  const cases = { sample: trySampler, adjust_logits: tryAdjusting, logprobs: tryLogprobs }
  return pipelines.flatMap(
    (pipeline) => cases[pipeline.kernel.shader as keyof typeof cases]?.(trials, pipeline) ?? [],
  )
}

/** Each row's settings with its lists behind them; row i is of slot i. */
function settingsOf(rows: readonly Partial<SamplerSettings>[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(1024)
  const writer = new SamplingWriter(words, vocab)
  let lists = rows.length * settingsWords
  rows.forEach((row, i) => {
    lists = writer.write(i * settingsWords, lists, { ...greedy, ...row }, 0, i)
  })
  return words
}

/** The same bits as a float. */
function asFloats(words: readonly number[]): Float32Array {
  return new Float32Array(Uint32Array.from(words).buffer)
}

/** Rows that leave nothing but the best id, each in another way, and draws from many. */
function trySampler(trials: Trials, pipeline: Pipeline): readonly Trial[] {
  const temperature = 1
  const rows = [
    {},
    { temperature, topK: 1 },
    { temperature, topP: 1e-4 },
    { temperature, minP: 1, repetitionPenalty: 1.5 },
    ...draws,
  ]
  const expected = rows.map((_, i) => drawn[i - rows.length + draws.length] ?? best)
  const logits = Float32Array.from({ length: rows.length * vocab }, (_, i) => logitToDraw(i % vocab))
  const batch = settingsOf(rows)
  const results = trials.buffer('results', rows.length * resultWords)
  const sampled = trials.buffer('sampled', rows.length)
  const counts = trials.buffer('counts', rows.length * vocab)
  trials.run(
    pipeline,
    {
      logits: trials.buffer('logits', logits),
      batch: trials.buffer('batch', batch),
      results,
      sampled,
      counts,
    },
    { vocab, settings_at: 0, result_words: resultWords },
    { rows: rows.length, vocab },
  )
  const bits = asFloats(expected)
  const ids = Array<number>(rows.length * resultWords).fill(Number.NaN)
  bits.forEach((id, row) => {
    ids[row * resultWords] = id
  })
  const expects = (what: string, buffer: GPUBuffer, values: ArrayLike<number>, from = 0) =>
    trials.expects(pipeline, buffer, values, { what, tolerance: 0, from })
  return [
    expects('ids', results, ids),
    expects('ids for the next step', sampled, bits),
    // Of the slot alone whose row has a penalty.
    ...[2, 3].map((slot) => expects(`counts ${slot}`, counts, asFloats([slot - 2]), slot * vocab + best)),
  ]
}

/** A row that stays, and one with all that there is: ids and their biases, counts and bans. */
function tryAdjusting(trials: Trials, pipeline: Pipeline): Trial {
  const inPrompt = 0x80000000
  const seen = new Map([
    [best, 1],
    [second, inPrompt],
    [9, 2 + inPrompt],
    [4500, 1],
  ])
  const logitBias = [[best, 1.5] as const, [4321, -2] as const]
  const bannedIds = [third, 4999]
  const excluded = [7, 4500]
  const [repetitionPenalty, presencePenalty, frequencyPenalty] = [2, 0.25, 0.5]
  const allowed = maskOf(
    Array.from({ length: vocab }, (_, id) => id).filter((id) => !excluded.includes(id)),
    vocab,
  )
  const penalties = { repetitionPenalty, presencePenalty, frequencyPenalty }
  const batch = settingsOf([{}, { ...penalties, logitBias, bannedIds, allowed }])
  const logits = Float32Array.from({ length: 2 * vocab }, (_, i) => (((7 * i) % 11) - 5) / 4)
  const counts = new Uint32Array(2 * vocab).fill(1, 0, vocab)
  for (const [id, count] of seen) counts[vocab + id] = count
  const adjusted = trials.buffer('adjusted', 2 * vocab)
  trials.run(
    pipeline,
    {
      logits: trials.buffer('logits', logits),
      batch: trials.buffer('batch', batch),
      counts: trials.buffer('counts', counts),
      adjusted,
    },
    { vocab, settings_at: 0 },
    { rows: 2, vocab },
  )
  const values = logits.map((logit, i) => {
    const id = i - vocab
    if (id < 0) return logit
    if (bannedIds.includes(id) || excluded.includes(id)) return -1e30
    const biased = logit + (logitBias.find(([each]) => each === id)?.[1] ?? 0)
    const count = seen.get(id)
    if (count === undefined) return biased
    const repeated = biased > 0 ? biased / repetitionPenalty : biased * repetitionPenalty
    const times = count % inPrompt
    return times === 0 ? repeated : repeated - times * frequencyPenalty - presencePenalty
  })
  return trials.expects(pipeline, adjusted, values, { tolerance: 1e-5 })
}

/** One row is asked for an id, the other for the one that was drawn. */
function tryLogprobs(trials: Trials, pipeline: Pipeline): readonly Trial[] {
  const logitOf = (id: number) => (id === best ? 8 : id === second || id === third ? 7 : 0)
  const rest = Math.log(Math.exp(8) + 2 * Math.exp(7) + vocab - 3)
  const logits = Float32Array.from({ length: 2 * vocab }, (_, i) => logitOf(i % vocab))
  const results = new Uint32Array(2 * resultWords)
  results[resultWords] = third
  const buffer = trials.buffer('results', results)
  trials.run(
    pipeline,
    {
      logits: trials.buffer('logits', logits),
      batch: trials.buffer('batch', Uint32Array.of(second, 4, drawnTarget, 1)),
      results: buffer,
    },
    { vocab, targets_at: 0, result_words: resultWords },
    { rows: 2, vocab },
  )
  const [ids, floats] = [0, 1].map(() => Array<number>(2 * resultWords).fill(Number.NaN))
  const put = (row: number, asked: number, rank: number, top: readonly number[]) => {
    const at = row * resultWords
    floats![at + 1] = logitOf(asked) - rest
    ids!.splice(at + 2, 2, ...asFloats([rank, asked]))
    top.forEach((id, n) => {
      ids![at + 4 + 2 * n] = asFloats([id])[0]!
      floats![at + 5 + 2 * n] = logitOf(id) - rest
    })
  }
  put(0, second, 2, [best, second, third, 0])
  put(1, third, 3, [best])
  return [
    trials.expects(pipeline, buffer, ids!, { what: 'ids', tolerance: 0 }),
    trials.expects(pipeline, buffer, floats!, { what: 'log-probabilities', tolerance: 1e-3 }),
  ]
}
