import { describe, expect, inject, it } from 'vitest'
import type { Variants } from '../../../src/model/variants'
import type { JsonObject } from '../../../src/util/model-file'
import { type ArchCase, type CausalGolden, shortContext } from '../../support/arch-golden'
import { ForcedSequence } from '../../support/force-tokens'
import { isQuick, openTestGpu, testVariants } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { loadRepo } from '../../support/load-model'
import { fetchRepo } from '../../support/safetensors-repo'

const gpu = await openTestGpu()
const root = inject('allGolden') ? '/shared-golden/arch' : '/golden/arch'

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`${root}/${path}`)
  expect(response.ok, path).toBe(true)
  return response.json()
}

/** Where pipelines compile slowly, a few; all in long runs. */
const every = inject('long') ? 1 : isQuick(gpu) ? 3 : 24
const { cases } = await json<{ cases: readonly ArchCase[] }>('index.json')
const decoders = cases.filter(({ kind }) => kind === 'causal').filter((_, i) => i % every === 0)
const points = testVariants(gpu)

/** Logits of a prompt and of three tokens after it. */
async function logitsOf(name: string, variants: Variants): Promise<readonly Float32Array[]> {
  const config = await json<JsonObject>(`${name}/config.json`)
  const { sequences } = await json<CausalGolden>(`${name}/golden.json`)
  const repo = await fetchRepo([`${root}/${name}/model.safetensors`], config)
  const model = await loadRepo(repo, {
    ...{ format: 'f32', maxSequences: 2, maxBatchTokens: 64, maxTokens: shortContext(config) ?? 128 },
    ...{ precision: 'fast', floatWeights: 'int4', variants },
  })
  try {
    const { runner } = model
    const room = Math.min(64, Math.floor(runner.limits.maxContext / 2 / 32) * 32 || 32)
    const ids = sequences[0]!.input_ids.slice(0, room - 4)
    const whole = new ForcedSequence(runner, 0, room)
    const logits = [(await whole.prefill(ids, ids.length)).logits]
    for (const id of [1, 2, 3]) logits.push((await whole.decode(id)).logits)
    return logits
  } finally {
    model.destroy()
  }
}

describe('a family’s rows that are rounded as they are made', () => {
  it.each(decoders.map(({ name }) => name))('have the bits of those that are not: %s', async (name) => {
    const point = points[decoders.findIndex((each) => each.name === name) % points.length]!
    const apart = { fusedHeads: 0, roundedNorms: 0, roundedSplits: 0, ownRoundings: 0 } as const
    const expected = await logitsOf(name, { ...point, ...apart })
    const made = { fusedHeads: 1, roundedNorms: 1, roundedSplits: 4 } as const
    for (const ownRoundings of inject('long') ? ([0, 1] as const) : [point.ownRoundings]) {
      const got = await logitsOf(name, { ...point, ...made, ownRoundings })
      expected.forEach((logits, i) => {
        expect(logits.every(Number.isFinite)).toBe(true)
        expectSame(`${name}, ${i}, ownRoundings ${ownRoundings}`, got[i]!, logits)
      })
    }
  })
})
