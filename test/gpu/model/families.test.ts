import { describe, expect, inject, it } from 'vitest'
import { commands } from 'vitest/browser'
import type { LoadedModel } from '../../../src/model/load'
import { greedy } from '../../../src/model/step'
import { software } from '../../../src/model/variants'
import type { JsonObject } from '../../../src/util/model-file'
import { type ArchCase, type CausalGolden, shortContext } from '../../support/arch-golden'
import { ForcedSequence } from '../../support/force-tokens'
import { fusedSoftware, isQuick, openTestGpu, testVariants } from '../../support/gpu'
import { loadModelUrl, loadRepo } from '../../support/load-model'
import { fetchRepo } from '../../support/safetensors-repo'

/** The cases that the project holds; all of them where OCTAVO_GOLDEN names the reference data. */
const root = inject('allGolden') ? '/shared-golden/arch' : '/golden/arch'
const cases = (await json<{ cases: readonly ArchCase[] }>('index.json')).cases.filter(
  ({ kind }) => kind === 'causal',
)
/** Where pipelines compile slowly, every tenth; all in long runs. */
const gpu = await openTestGpu()
const every = inject('long') || isQuick(gpu) ? 1 : 10
/** Cases take them in turn: with all fusions, those of a GPU, and with norms apart. */
const points = testVariants(gpu).map((point) => (point === software ? fusedSoftware : point))
const run = cases.filter((_, i) => i % every === 0)
const inGguf = (await json<{ files: readonly GgufFile[] }>('gguf.json')).files

interface GgufFile {
  readonly name: string
  readonly type: string
}

/** The reference data's bound for an f32 path, in standard deviations of the logits. */
const exactBound = 2e-3
/** The same where a GGUF file has the repo's f32 weights as f16. */
const roundedBound = 0.03
const table: string[] = []

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`${root}/${path}`)
  expect(response.ok, path).toBe(true)
  return response.json()
}

const options = { format: 'f32', maxTokens: 192, maxSequences: 3, maxBatchTokens: 64 } as const

const proving = { tune: 'off', store: null, browser: '', onTuning: () => {} } as const

/** With the points one after the other. */
async function fromRepo(name: string, maxTokens: number): Promise<LoadedModel> {
  const config = await json<JsonObject>(`${name}/config.json`)
  const model = await loadRepo(await fetchRepo([`${root}/${name}/model.safetensors`], config), {
    ...options,
    maxTokens,
    variants: points[cases.findIndex((each) => each.name === name) % points.length]!,
    tactics: proving,
  })
  expect(model.info.dropped, 'variants that erred in the proof').toEqual([])
  expect(model.info.diagnostics.proof!.untried, 'kernels without a known case').toEqual([])
  return model
}

/** Every sequence of the case, at once and in chunks, alone and in company; the largest deviation. */
async function expectReference(
  { runner }: LoadedModel,
  golden: CausalGolden,
  sequences: CausalGolden['sequences'],
  bound = exactBound,
): Promise<number> {
  // A context of one block has room for one sequence.
  const room = Math.min(64, runner.limits.maxContext)
  const slots = room < 64 ? 1 : 3
  let largest = 0
  const near = (label: string, got: ArrayLike<number>, wanted: readonly number[]) => {
    const deviation = Math.max(...wanted.map((value, i) => Math.abs(value - got[i]!))) / golden.logit_std
    largest = Math.max(largest, deviation)
    expect(deviation, label).toBeLessThan(bound)
  }
  const alone: Float32Array[] = []
  for (const { input_ids, last_logits, all_logits, greedy: continuation } of sequences) {
    const sequence = new ForcedSequence(runner, 0, room)
    let { best, logits } = await sequence.prefill(input_ids, input_ids.length)
    near(`${input_ids.length} tokens`, logits, last_logits)
    alone.push(logits)
    const found: number[] = []
    while (found.length < continuation.length) {
      found.push(best)
      ;({ best, logits } = await sequence.decode(best))
    }
    expect(found).toEqual(continuation)
    const chunked = await new ForcedSequence(runner, 1 % slots, room).prefill(input_ids, 3)
    expect(chunked.logits).toEqual(alone.at(-1))
    if (!all_logits) continue
    const whole = new ForcedSequence(runner, 2 % slots, room)
    await runner.run([whole.chunk(input_ids, { promptLogprobs: { targets: input_ids, top: 1 } })])
    near('every position', await runner.readLogits(input_ids.length), all_logits.flat())
  }
  if (slots < sequences.length) return largest
  const company = sequences.map((_, slot) => new ForcedSequence(runner, slot, room))
  await runner.run(sequences.map(({ input_ids }, i) => company[i]!.chunk(input_ids, { sampler: greedy })))
  const together = await runner.readLogits(sequences.length)
  const vocab = together.length / sequences.length
  sequences.forEach((_, i) => {
    expect(together.slice(i * vocab, (i + 1) * vocab), `sequence ${i} in company`).toEqual(alone[i])
  })
  return largest
}

describe.each(run.map(({ name, dtype }) => [name, dtype] as const))('the family of %s', (name, dtype) => {
  const gguf = inGguf.find((each) => each.name === name)

  it('gives transformers’ logits and greedy tokens from a safetensors repo, in any chunks and any company', async () => {
    const golden = await json<CausalGolden>(`${name}/golden.json`)
    const short = shortContext(await json<JsonObject>(`${name}/config.json`))
    const fits = ({ input_ids }: { readonly input_ids: readonly number[] }) =>
      short !== null && input_ids.length + 16 <= short
    let largest = 0
    for (const [maxTokens, sequences] of [
      [short ?? 64, golden.sequences.filter(fits)],
      [options.maxTokens, golden.sequences.filter((sequence) => !fits(sequence))],
    ] as const) {
      if (sequences.length === 0) continue
      const model = await fromRepo(name, maxTokens)
      try {
        largest = Math.max(largest, await expectReference(model, golden, sequences))
      } finally {
        model.destroy()
      }
    }
    table.push(`| ${name} | safetensors | ${largest.toExponential(1)} |`)
    await commands.writeFile(
      `test-results/families-${inject('adapter')}.md`,
      `| case | file | largest deviation / std |\n| --- | --- | --- |\n${table.join('\n')}\n`,
    )
  })

  it.runIf(gguf)('gives them from a GGUF file', async () => {
    const golden = await json<CausalGolden>(`${name}/golden.json`)
    const model = await loadModelUrl(`${root}/${name}/model.gguf`, options)
    try {
      const rounded = dtype === 'f32' && gguf!.type !== 'f32'
      const bound = rounded ? roundedBound : exactBound
      const largest = await expectReference(model, golden, golden.sequences, bound)
      table.push(`| ${name} | GGUF | ${largest.toExponential(1)} |`)
    } finally {
      model.destroy()
    }
  })
})
