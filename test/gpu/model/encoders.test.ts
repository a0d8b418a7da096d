import { describe, expect, inject, it } from 'vitest'
import type { EncoderSequence } from '../../../src/model/encoder-step'
import type { JsonObject, RepoModule } from '../../../src/util/model-file'
import { openTestGpu, testVariants } from '../../support/gpu'
import { loadEncoderRepo } from '../../support/load-encoder'
import { fetchRepo, type Repo } from '../../support/safetensors-repo'

/** See the README of the reference data’s `arch`. */
interface Golden {
  readonly output_std: number
  readonly sequences: readonly {
    readonly input_ids: readonly number[]
    readonly token_type_ids?: readonly number[]
    readonly mean_pooled?: readonly number[]
    readonly cls_pooled?: readonly number[]
    readonly last_pooled?: readonly number[]
    readonly logits?: readonly number[]
  }[]
}

const own = ['bert', 'modernbert', 'mpnet', 'bert-reranker']
const all = [
  ...['bert', 'distilbert', 'roberta', 'xlm-roberta', 'mpnet', 'modernbert', 'nomic-bert'],
  ...['bert-reranker', 'xlmr-reranker', 'bert-classifier'],
]
const root = inject('allGolden') ? '/shared-golden/arch' : '/golden/arch'
const names = inject('allGolden') ? all : own
const gpu = await openTestGpu()

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`${root}/${path}`)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

const poolings = ['mean', 'cls', 'last'] as const
type Pooling = (typeof poolings)[number]

const fields = {
  mean: 'pooling_mode_mean_tokens',
  cls: 'pooling_mode_cls_token',
  last: 'pooling_mode_lasttoken',
} as const

/** The repo with the modules that pool so. */
function pooled({ header, bytes }: Repo, pooling: Pooling): Repo {
  const named = (name: string, path: string, config: JsonObject | null): RepoModule => ({
    type: `sentence_transformers.models.${name}`,
    path,
    config,
  })
  const modules = [
    named('Transformer', '', null),
    named('Pooling', '1_Pooling', { [fields[pooling]]: true }),
    named('Normalize', '2_Normalize', null),
  ]
  if (header.kind !== 'safetensors') throw new Error('a repo is of safetensors')
  const sentenceTransformers = { ...header.texts.sentenceTransformers, modules }
  return { header: { ...header, texts: { ...header.texts, sentenceTransformers } }, bytes }
}

function sequencesOf({ sequences }: Golden): EncoderSequence[] {
  return sequences.map(({ input_ids, token_type_ids }) => ({
    ids: input_ids,
    types: token_type_ids ?? input_ids.map(() => 0),
  }))
}

function furthest(got: ArrayLike<number>, expected: readonly number[]): number {
  expect(got.length).toBe(expected.length)
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - got[i]!)), 0)
}

const goldens = await Promise.all(
  names.map(async (name) => ({ name, golden: await json<Golden>(`${name}/golden.json`) })),
)
const spellings = ['config.json', 'config.legacy.json']

async function open(name: string, config: string): Promise<Repo> {
  return fetchRepo([`${root}/${name}/model.safetensors`], await json<JsonObject>(`${name}/${config}`))
}

async function run(repo: Repo, golden: Golden): Promise<readonly Float32Array[]> {
  const { runner, destroy } = await loadEncoderRepo(repo)
  try {
    return await runner.run(sequencesOf(golden))
  } finally {
    destroy()
  }
}

describe('an encoder gives the reference’s scores, from either spelling of its config', () => {
  const scoring = goldens.filter(({ golden }) => golden.sequences[0]!.logits)
  it.each(scoring)('$name', async ({ name, golden }) => {
    for (const config of spellings) {
      const outputs = await run(await open(name, config), golden)
      for (const [i, { logits }] of golden.sequences.entries())
        expect(furthest(outputs[i]!, logits!), `sequence ${i}`).toBeLessThan(1e-4 * golden.output_std)
    }
  })
})

describe('an encoder gives the reference’s vectors, from either spelling of its config', () => {
  const cases = goldens
    .filter(({ golden }) => golden.sequences[0]!.mean_pooled)
    .flatMap((each) =>
      (each.name === 'bert' ? poolings : (['cls'] as const)).map((pooling) => ({ ...each, pooling })),
    )
  it.each(cases)('$name, pooled by $pooling', async ({ name, golden, pooling }) => {
    for (const config of spellings) {
      const outputs = await run(pooled(await open(name, config), pooling), golden)
      for (const [i, sequence] of golden.sequences.entries()) {
        const expected = sequence[`${pooling}_pooled`]!
        expect(furthest(outputs[i]!, expected), `sequence ${i}`).toBeLessThan(1e-5)
      }
    }
  })
})

describe('an encoder', async () => {
  const golden = await json<Golden>('bert/golden.json')
  const repo = await fetchRepo(
    ['/golden/arch/bert/model.safetensors'],
    await json<JsonObject>('bert/config.json'),
  )

  it('gives a text the same bits alone, among others and in any order, with every variant', async () => {
    for (const variants of testVariants(gpu)) {
      const { runner, destroy } = await loadEncoderRepo(repo, { variants, maxBatchTokens: 128 })
      try {
        const sequences = [...sequencesOf(golden), ...sequencesOf(golden).reverse()]
        const together = await runner.run(sequences)
        for (const [i, sequence] of sequences.entries()) {
          const [alone] = await runner.run([sequence])
          expect([...together[i]!], `${variants.name} ${i}`).toEqual([...alone!])
        }
      } finally {
        destroy()
      }
    }
  })

  it('has its floats in 16 bits unless it is asked for others', async () => {
    const bytes: number[] = []
    for (const floatWeights of ['exact', 'f16'] as const) {
      const { runner, info, destroy } = await loadEncoderRepo(repo, { floatWeights })
      const outputs = await runner.run(sequencesOf(golden))
      expect(furthest(outputs[2]!, golden.sequences[2]!.mean_pooled!)).toBeLessThan(5e-3)
      bytes.push(info.gpuBytes)
      destroy()
    }
    expect(bytes[1]).toBeLessThan(bytes[0]!)
  })
})
