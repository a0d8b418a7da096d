import { describe, expect, inject, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import { software, type Variants } from '../../../src/model/variants'
import type { JsonObject } from '../../../src/util/model-file'
import greedyFile from '../../golden/smollm2/greedy.json'
import { type ArchCase, type CausalGolden, shortContext } from '../../support/arch-golden'
import { archJson, batchOf, type EncoderGolden, openEncoder, pooled } from '../../support/encoder-golden'
import { ForcedSequence } from '../../support/force-tokens'
import { goldenPrompt } from '../../support/golden-prompts'
import { openTestGpu, testVariants } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { loadEncoderRepo } from '../../support/load-encoder'
import {
  loadModelBytes,
  loadModelUrl,
  loadRepo,
  realModelUrl,
  type TestLoadOptions,
} from '../../support/load-model'
import { fetchRepo } from '../../support/safetensors-repo'
import { allTypes, type TinyModel, tinyModel } from '../../support/tiny-model'

const gpu = await openTestGpu()
/** Elsewhere no product takes rows as f16. */
const takes = gpu.info.features.includes('shader-f16')
const off = { invariance: 'off', format: 'f16' } as const
const proving = { tune: 'off', store: null, browser: '', onTuning: () => {} } as const

/** Logits after a prompt that is read in one step, and after a token more. */
async function logitsOf(model: LoadedModel, ids: readonly number[]): Promise<readonly Float32Array[]> {
  try {
    const sequence = new ForcedSequence(model.runner, 0, ids.length + 1)
    const first = (await sequence.prefill(ids, ids.length)).logits
    return [first, (await sequence.decode(1)).logits]
  } finally {
    model.destroy()
  }
}

function greatestOf(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

function expectSameLogits(got: readonly Float32Array[], exact: readonly Float32Array[]): void {
  for (const [i, logits] of exact.entries()) expectSame(`step ${i}`, got[i]!, logits)
}

function expectRounded(got: readonly Float32Array[], exact: readonly Float32Array[], label: string): void {
  got.forEach((logits, i) => {
    const differences = logits.map((value, at) => value - exact[i]![at]!)
    // Written so that NaN fails.
    expect(greatestOf(differences) <= 0.02 * greatestOf(exact[i]!), `${label}, step ${i}`).toBe(true)
    // Else nothing was rounded.
    expect(greatestOf(differences), `${label}, step ${i}`).toBeGreaterThan(0)
  })
}

describe('rows of prompts as f16', () => {
  const tiny = tinyModel({ heads: 6, kvHeads: 2, headDim: 32 })
  const uneven = tinyModel({ hidden: 36, intermediate: 172, headDim: 12, types: allTypes('F16') })
  const logits = async (halfRows: 0 | 1, options: TestLoadOptions, { file, shape }: TinyModel = tiny) => {
    const ids = Array.from({ length: 41 }, (_, i) => (7 * i + 3) % shape.vocab)
    return logitsOf(await loadModelBytes(file, { ...options, variants: { ...software, halfRows } }), ids)
  }

  it.each([
    ['a model', tiny],
    ['one whose rows are no whole groups', uneven],
  ])(
    'are taken where invariance is off and the device has f16, and change little: %s',
    async (name, model) => {
      const exact = await logits(0, off, model)
      const got = await logits(1, off, model)
      if (takes) expectRounded(got, exact, name)
      else expectSameLogits(got, exact)
    },
  )

  it.each([
    ['where invariance is on', { invariance: 'on', format: 'f16' }],
    ['with a cache in f32, whose reader wants no rounding', { invariance: 'off', format: 'f32' }],
  ] as const)('are not taken %s', async (_, options) => {
    const [exact, got] = [await logits(0, options), await logits(1, options)]
    expectSameLogits(got, exact)
  })

  // Elsewhere it would show no more than other tests do.
  it.runIf(takes)(
    'give SmolLM2 the reference’s logits for a prompt, as near as a cache of f16 does',
    async () => {
      const { promptIds, ids, bestLogits } = goldenPrompt('fact')
      const model = await loadModelUrl(realModelUrl, { ...off, variants: software, maxTokens: 256 })
      const sequence = new ForcedSequence(model.runner, 0, promptIds.length + 3)
      let { logits } = await sequence.prefill(promptIds, promptIds.length)
      for (let step = 0; step < 3; step++) {
        expect(logits.indexOf(Math.max(...logits)), `step ${step}`).toBe(ids[step])
        const error = Math.abs(logits[ids[step]!]! - bestLogits[step]!)
        expect(error, `step ${step}`).toBeLessThan(greedyFile.tolerance.f16)
        if (step < 2) logits = (await sequence.decode(ids[step]!)).logits
      }
      model.destroy()
    },
  )
})

const root = inject('allGolden') ? '/shared-golden/arch' : '/golden/arch'

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`${root}/${path}`)
  expect(response.ok, path).toBe(true)
  return response.json()
}

const { cases } = await json<{ cases: readonly ArchCase[] }>('index.json')
/** A few, since lavapipe compiles each for seconds; all in long runs. */
const every = inject('long') ? 1 : inject('ownPoint') ? cases.length : 9
const decoders = cases.filter(({ kind }) => kind === 'causal').filter((_, i) => i % every === 0)
/** The point of GPUs takes lavapipe a minute to compile; its kernels are tested by themselves. */
const points = inject('long') ? testVariants(gpu).filter(({ matmul }) => !matmul.subgroups) : [software]

describe.runIf(takes)('a family’s rows of prompts as f16', () => {
  const load = async (name: string, variants: Variants) => {
    const config = await json<JsonObject>(`${name}/config.json`)
    const repo = await fetchRepo([`${root}/${name}/model.safetensors`], config)
    const maxTokens = shortContext(config) ?? 128
    return loadRepo(repo, {
      ...off,
      ...{ maxSequences: 2, maxBatchTokens: 64, maxTokens, variants, tactics: proving },
    })
  }

  it.each(decoders.map(({ name }) => name))('are proven, and change little: %s', async (name) => {
    const point = points[decoders.findIndex((each) => each.name === name) % points.length]!
    const { sequences } = await json<CausalGolden>(`${name}/golden.json`)
    // Long enough for products of many tokens at every point.
    const own = sequences.flatMap((sequence) => sequence.input_ids)
    const exact = await load(name, { ...point, halfRows: 0 })
    const ids = own.slice(0, Math.min(32, exact.runner.limits.maxContext) - 2)
    const expected = await logitsOf(exact, ids)
    const model = await load(name, point)
    const { dropped, diagnostics } = model.info
    expect([dropped, diagnostics.proof!.untried]).toEqual([[], []])
    const got = await logitsOf(model, ids)
    expectRounded(got, expected, name)
  })
})

it.runIf(takes).each(points)('an encoder’s rows as f16 change its vectors little: $name', async (point) => {
  const repo = pooled(await openEncoder('bert'), 'mean')
  const batch = batchOf(await archJson<EncoderGolden>('bert/golden.json'))
  const vectors = async (halfRows: 0 | 1) => {
    const { runner, info, destroy } = await loadEncoderRepo(repo, {
      ...{ invariance: 'off', variants: { ...point, halfRows }, tactics: proving },
    })
    expect([info.dropped, info.diagnostics.proof!.untried]).toEqual([[], []])
    const rows = await runner.run(batch)
    destroy()
    return rows
  }
  const exact = await vectors(0)
  const got = await vectors(1)
  expectRounded(got, exact, point.name)
})
