import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import {
  hardware,
  pointsFor,
  software,
  softwareWithFours,
  softwareWithSubgroups,
} from '../../../src/model/variants'
import { ForcedSequence } from '../../support/force-tokens'
import { type Generated, generate, RecordingEngine } from '../../support/generate'
import { openTestGpu } from '../../support/gpu'
import { loadModelBytes, type TestLoadOptions } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'
import { randomNumbers } from '../../support/tiny-model-tensors'

const tiny = tinyModel({ heads: 6, kvHeads: 2, headDim: 32 })
const random = randomNumbers(3)
const prompts = [150, 41, 5, 70].map((length) =>
  Array.from({ length }, () => Math.floor(tiny.shape.vocab * random())),
)
const maxTokens = 8

/** What each prompt gives when nothing else runs, its whole prompt in one step. */
async function alone(options: TestLoadOptions, promptLogprobs: number | null): Promise<Generated[]> {
  const model = await loadModelBytes(tiny.file, { ...options, maxBatchTokens: 256 })
  const engine = new RecordingEngine(model.runner)
  const results: Generated[] = []
  for (const promptIds of prompts) {
    results.push(await generate(engine, { promptIds, maxTokens, promptLogprobs }))
  }
  model.destroy()
  return results
}

function loaded(options: TestLoadOptions): Promise<LoadedModel> {
  return loadModelBytes(tiny.file, options)
}

function expectIdle(engine: RecordingEngine): void {
  engine.checkIntegrity()
  expect(engine.stats()).toMatchObject({ runningSequences: 0, waitingSequences: 0 })
}

const { info } = await openTestGpu()
/** Lavapipe compiles each for a minute: there the one that a load begins with where the browser has subgroups. */
const one = pointsFor(info).includes(softwareWithSubgroups) ? softwareWithSubgroups : software
const tested = inject('adapter') === 'swiftshader' ? [software, softwareWithFours, hardware] : [one]
for (const variants of tested) {
  describe(`with the variants ‘${variants.name}’, in any company, a prompt has the bits that it has alone`, () => {
    let expected: readonly Generated[]
    beforeAll(async () => {
      expected = await alone({ variants }, null)
    })
    for (const maxBatchTokens of variants === hardware ? [17] : inject('long') ? [16, 64] : [16]) {
      it(`when four prompts are cut to steps of ${maxBatchTokens} tokens`, async () => {
        const model = await loaded({ variants, maxBatchTokens })
        const engine = new RecordingEngine(model.runner)
        const run = (promptIds: readonly number[]) => generate(engine, { promptIds, maxTokens })
        expect(await Promise.all(prompts.map(run))).toEqual(expected)
        expect(await Promise.all(prompts.slice(0, 2).map(run))).toEqual(expected.slice(0, 2))
        expect(Math.max(...engine.steps.map(tokensOf))).toBeLessThanOrEqual(maxBatchTokens)
        expect(engine.steps.filter((step) => tokensOf(step) > 4).length).toBeGreaterThan(4)
        expectIdle(engine)
        model.destroy()
      })
    }
  })
}

it.each(inject('long') ? (['int8', 'int4'] as const) : (['int4'] as const))(
  'gives the bits of a prompt alone to four that are cut to steps of 17 tokens, with a cache of %s',
  async (format) => {
    const expected = await alone({ format }, null)
    const model = await loaded({ format, maxBatchTokens: 17 })
    const engine = new RecordingEngine(model.runner)
    expect(await Promise.all(prompts.map((promptIds) => generate(engine, { promptIds, maxTokens })))).toEqual(
      expected,
    )
    // Once more from the prefix cache.
    expect(await generate(engine, { promptIds: prompts[0]!, maxTokens })).toEqual(expected[0])
    expect(engine.stats().prefixHitTokens).toBeGreaterThan(0)
    expectIdle(engine)
    model.destroy()
  },
)

it('sums a prompt in another order than one token after another where invariance is off, and nearly the same', async () => {
  const model = await loaded({ format: 'f32', invariance: 'off' })
  const ids = prompts[1]!
  const logits: Float32Array[] = []
  for (const chunkTokens of [ids.length, 1]) {
    logits.push((await new ForcedSequence(model.runner, 0, ids.length).prefill(ids, chunkTokens)).logits)
  }
  const [together, apart] = logits as [Float32Array, Float32Array]
  const differences = together.map((logit, i) => Math.abs(logit - apart[i]!))
  const greatest = Math.max(...together.map(Math.abs))
  expect(Math.max(...differences)).toBeGreaterThan(0)
  expect(Math.max(...differences)).toBeLessThan(1e-4 * greatest)
  model.destroy()
})

it('gives the bits it would have had to a prompt that decodes while another is read', async () => {
  const expected = await alone({}, 1)
  const model = await loaded({ maxBatchTokens: 32 })
  const engine = new RecordingEngine(model.runner)
  const others: Promise<Generated>[] = []
  const first = generate(engine, {
    promptIds: prompts[1]!,
    maxTokens,
    promptLogprobs: 1,
    onToken: (tokens) => {
      if (tokens === 3) {
        for (const promptIds of [prompts[0]!, prompts[3]!]) {
          others.push(generate(engine, { promptIds, maxTokens, promptLogprobs: 1 }))
        }
      }
    },
  })
  expect(await first).toEqual(expected[1])
  expect(await Promise.all(others)).toEqual([expected[0], expected[3]])
  const mixed = engine.steps.filter(
    (step) =>
      step.some(({ ids }) => ids === 'sampled') &&
      step.some(({ ids }) => ids.length > 1 && ids !== 'sampled'),
  )
  expect(mixed.length).toBeGreaterThan(2)
  expectIdle(engine)
  model.destroy()
})

it('gives a preempted sequence the bits it would have had', async () => {
  const model = await loaded({ maxTokens: 160, maxBatchTokens: 48 })
  const pair = [prompts[1]!, prompts[3]!.slice(0, 40)]
  const run = (engine: RecordingEngine, promptIds: readonly number[], onToken?: () => void) =>
    generate(engine, { promptIds, maxTokens: 60, onToken })
  const expected: Generated[] = []
  for (const promptIds of pair) expected.push(await run(new RecordingEngine(model.runner), promptIds))

  // Five blocks hold one of the answers whole, not both.
  const engine = new RecordingEngine(model.runner)
  let younger = 0
  let preempted = false
  const both = [
    run(engine, pair[0]!, () => {
      preempted ||= younger > 0 && engine.stats().waitingSequences > 0
    }),
    run(engine, pair[1]!, () => {
      younger += 1
    }),
  ]
  expect(await Promise.all(both)).toEqual(expected)
  expect(preempted).toBe(true)
  expectIdle(engine)
  model.destroy()
})

function tokensOf(step: RecordingEngine['steps'][number]): number {
  return step.reduce((sum, { ids }) => sum + (ids === 'sampled' ? 1 : ids.length), 0)
}
