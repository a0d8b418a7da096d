import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import { softwareWithFours } from '../../../src/model/variants'
import greedyFile from '../../golden/smollm2/greedy.json'
import perplexity from '../../golden/smollm2/perplexity.json'
import { ForcedSequence } from '../../support/force-tokens'
import { generate, RecordingEngine } from '../../support/generate'
import { type GoldenPrompt, goldenPrompt, goldenPrompts } from '../../support/golden-prompts'
import { loadModelUrl, realModelUrl, type TestLoadOptions } from '../../support/load-model'

const quick = inject('adapter') === 'lavapipe'
const long = inject('long')
/** SwiftShader takes bytes for no faster than floats, so there they are asked for by a point's name. */
const prefersFloats = inject('adapter') === 'swiftshader'
const rounding = { precision: 'fast', ...(prefersFloats && { variants: softwareWithFours }) } as const

/** Of the reference's steps, those that have its best id at least; see the int8 row of its README. */
const leastSame = 0.95
/** By how much the perplexity of a passage may differ, in ratio. */
const perplexityTolerance = 0.015

describe('SmolLM2-135M-Instruct with fast products', () => {
  let model: LoadedModel
  beforeAll(async () => {
    model = await loadModelUrl(realModelUrl, { ...rounding, maxTokens: long ? 3072 : 1024 })
  })
  afterAll(() => model.destroy())

  it('says so, and that its types are integers', () => {
    const { precision, exactTypes } = model.info
    expect({ precision, exactTypes }).toEqual({ precision: 'fast', exactTypes: [] })
  })

  const prompts = quick ? goldenPrompts(1, long ? 3000 : 120) : [goldenPrompt('fact')]
  const steps = quick ? 48 : 4
  it(`gives the reference’s best id in ${100 * leastSame} % of the steps of ${prompts.length} prompts`, async () => {
    let [same, all, bestError] = [0, 0, 0]
    for (const prompt of prompts) {
      const scores = await bestIds(model, prompt, steps)
      scores.forEach(({ best, logit }, i) => {
        all += 1
        if (best === prompt.ids[i]) same += 1
        bestError = Math.max(bestError, Math.abs(logit - prompt.bestLogits[i]!))
      })
    }
    expect(same / all, `${same} of ${all}`).toBeGreaterThanOrEqual(leastSame)
    expect(bestError).toBeLessThan(greedyFile.tolerance.int8Activations)
  })

  const scored = long ? perplexity.ids.length : 128
  it.runIf(quick || long)(
    `gives ${scored} tokens of a passage nearly the reference’s perplexity`,
    async () => {
      const ids = perplexity.ids.slice(0, scored)
      const sequence = new ForcedSequence(model.runner, 0, scored)
      const scores = await sequence.score(ids.slice(0, -1), ids.slice(1), 1)
      const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
      const difference =
        mean(perplexity.logprobs.slice(0, scored - 1)) - mean(scores.map(({ logprob }) => logprob))
      // Of few tokens it tells less.
      expect(Math.abs(Math.exp(difference) - 1)).toBeLessThan(perplexityTolerance * (long ? 1 : 4))
    },
  )

  it('gives a prompt the same bits at once, in chunks, token by token and, where it is quick, among others', async () => {
    const ids = goldenPrompt('fact').promptIds.slice(0, quick ? 21 : 6)
    const logits = async (chunks: readonly number[]) => {
      const sequence = new ForcedSequence(model.runner, 0, ids.length)
      let last = new Float32Array()
      for (let at = 0, i = 0; at < ids.length; i++) {
        const count = Math.min(chunks[i % chunks.length]!, ids.length - at)
        last = new Float32Array((await sequence.prefill(ids.slice(at, at + count), count)).logits)
        at += count
      }
      return last
    }
    const atOnce = await logits([ids.length])
    for (const chunks of quick ? [[1], [2], [5, 1, 9]] : [[1, 2]])
      expect(await logits(chunks), `${chunks}`).toEqual(atOnce)
    if (!quick) return
    const request = { promptIds: ids, maxTokens: 3, promptLogprobs: 1 }
    const alone = await generate(new RecordingEngine(model.runner), request)
    const engine = new RecordingEngine(model.runner)
    const other = goldenPrompt('story').promptIds.slice(0, 13)
    const [among] = await Promise.all([
      generate(engine, request),
      generate(engine, { promptIds: other, maxTokens: 3, promptLogprobs: 1 }),
    ])
    expect(among).toEqual(alone)
  })
})

it('rounds where it was asked for and where that is fast, and nowhere else', async () => {
  const ids = goldenPrompt('fact').promptIds
  const prefill = async (options: TestLoadOptions) => {
    const model = await loadModelUrl(realModelUrl, { ...options, layers: 1, maxTokens: 64 })
    const { logits } = await new ForcedSequence(model.runner, 0, ids.length).prefill(ids, ids.length)
    const { exactTypes, tensorTypes } = model.info
    model.destroy()
    return { logits, exactTypes, types: tensorTypes.map(({ type }) => type).sort() }
  }
  const exact = await prefill({ precision: 'exact' })
  expect(await prefill({})).toEqual(exact)
  expect(exact.exactTypes).toEqual([])
  const fast = await prefill({ precision: 'fast' })
  expect(fast.exactTypes).toEqual(prefersFloats ? exact.types : [])
  if (prefersFloats) expect(fast.logits).toEqual(exact.logits)
  const rounded = await prefill(rounding)
  expect(rounded.exactTypes).toEqual([])
  expect(rounded.logits).not.toEqual(exact.logits)
})

/** The best id and the reference's logit at each step, all ids in one prompt whose rows are scored. */
async function bestIds({ runner }: LoadedModel, { promptIds, ids }: GoldenPrompt, steps: number) {
  const fed = [...promptIds, ...ids.slice(0, Math.min(steps, ids.length) - 1)]
  const sequence = new ForcedSequence(runner, 0, fed.length)
  await sequence.prefill(promptIds.slice(0, -1), 128)
  const found: { best: number; logit: number }[] = []
  for (let at = promptIds.length - 1; at < fed.length; ) {
    const part = fed.slice(at, at + runner.limits.maxLogitRows)
    const targets = part.map((_, i) => ids[at - promptIds.length + 1 + i]!)
    const step = sequence.chunk(part, { promptLogprobs: { targets, top: 1 } })
    const [result] = await runner.run([step])
    const logits = await runner.readLogits(part.length)
    result!.promptLogprobs.forEach(({ top }, i) => {
      found.push({ best: top[0]!.id, logit: logits[i * runner.limits.vocabSize + targets[i]!]! })
    })
    at += part.length
  }
  return found
}
