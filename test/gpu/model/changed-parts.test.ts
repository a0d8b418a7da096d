import { describe, expect, inject, it } from 'vitest'
import type { ModelDescription } from '../../../src/model/description'
import type { JsonObject } from '../../../src/util/model-file'
import type { ArchCase, CausalGolden } from '../../support/arch-golden'
import { changeable, type Leaf, someOf } from '../../support/change-description'
import { ForcedSequence } from '../../support/force-tokens'
import { isQuick, openTestGpu } from '../../support/gpu'
import { Random } from '../../support/gpu-random'
import { loadRepo } from '../../support/load-model'
import { fetchRepo } from '../../support/safetensors-repo'

const root = inject('allGolden') ? '/shared-golden/arch' : '/golden/arch'
const quick = isQuick(await openTestGpu())
const all = (await json<{ cases: readonly ArchCase[] }>('index.json')).cases
const names = all.filter(({ kind }) => kind === 'causal').map(({ name }) => name)
/** Every third family; where pipelines compile slowly, every 24th; all of them in long runs. */
const every = inject('long') ? 1 : quick ? 3 : 24
const run = names.filter((_, i) => i % every === 0)

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`${root}/${path}`)
  expect(response.ok, path).toBe(true)
  return response.json()
}

/** A part of a description that changed nothing would be one that is read and ignored. */
describe.each(run.map((name, i) => [name, i] as const))('the description of %s', (name, i) => {
  it('matters in every part: another number, switch or choice gives other logits', async () => {
    const config = await json<JsonObject>(`${name}/config.json`)
    const repo = await fetchRepo([`${root}/${name}/model.safetensors`], config)
    const { input_ids } = (await json<CausalGolden>(`${name}/golden.json`)).sequences[2]!
    const logitsOf = async (change: (description: ModelDescription) => ModelDescription) => {
      const options = { format: 'f32', maxTokens: 64, maxSequences: 1, maxBatchTokens: 64 } as const
      const { runner, destroy } = await loadRepo(repo, { ...options, describe: change })
      const { logits } = await new ForcedSequence(runner, 0, 64).prefill(input_ids, 64)
      destroy()
      return logits
    }
    let leaves: Leaf[] = []
    const before = await logitsOf((description) => {
      leaves = someOf(changeable(description), inject('long') ? 12 : quick ? 4 : 2, new Random(i))
      return description
    })
    expect(before.every(Number.isFinite)).toBe(true)
    for (const { path, to, set } of leaves) {
      const after = await logitsOf((description) => {
        const other = structuredClone(description)
        set(other)
        return other
      })
      const label = `${path} is ${JSON.stringify(to)}`
      expect(after, label).not.toEqual(before)
      expect(after.every(Number.isFinite), label).toBe(true)
    }
  })
})
