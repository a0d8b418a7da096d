import { describe, expect, inject, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import { greedy } from '../../../src/model/step'
import type { JsonObject } from '../../../src/util/model-file'
import { ForcedSequence } from '../../support/force-tokens'
import { generate, generateAnswers, RecordingEngine } from '../../support/generate'
import { loadRepo } from '../../support/load-model'
import { fetchRepo } from '../../support/safetensors-repo'

/** See test/golden/arch/README.md. */
interface Golden {
  readonly logit_std: number
  readonly sequences: readonly {
    readonly input_ids: readonly number[]
    readonly last_logits: readonly number[]
    readonly greedy: readonly number[]
  }[]
}

const root = inject('allGolden') ? '/shared-golden/arch' : '/golden/arch'

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`${root}/${path}`)
  expect(response.ok, path).toBe(true)
  return response.json()
}

/** Models with each kind of state; slots are fewer than the sequences of a test, so that they are used again. */
describe.each(['falcon-h1'])('the hybrid %s', (name) => {
  async function load(): Promise<{ model: LoadedModel; golden: Golden }> {
    const config = await json<JsonObject>(`${name}/config.json`)
    const repo = await fetchRepo([`${root}/${name}/model.safetensors`], config)
    const options = { format: 'f32', maxTokens: 192, maxSequences: 3, maxBatchTokens: 24 } as const
    return { model: await loadRepo(repo, options), golden: await json<Golden>(`${name}/golden.json`) }
  }

  it('gives transformers’ logits and greedy tokens, and the same bits in any chunks and any company', async () => {
    const { model, golden } = await load()
    const { runner } = model
    for (const { input_ids, last_logits, greedy: continuation } of golden.sequences) {
      const sequence = new ForcedSequence(runner, 0, 64)
      let { best, logits } = await sequence.prefill(input_ids, 24)
      const deviation = Math.max(...last_logits.map((value, i) => Math.abs(value - logits[i]!)))
      // The reference data's bound for an f32 path.
      expect(deviation / golden.logit_std).toBeLessThan(2e-3)
      for (const chunkTokens of [1, 5]) {
        const chunked = await new ForcedSequence(runner, 2, 64).prefill(input_ids, chunkTokens)
        expect(chunked.logits).toEqual(logits)
      }
      const found: number[] = []
      while (found.length < continuation.length) {
        found.push(best)
        ;({ best, logits } = await sequence.decode(best))
      }
      expect(found).toEqual(continuation)
    }
    const [short, long] = [golden.sequences[0]!, golden.sequences[1]!]
    const together = [0, 1].map((slot) => new ForcedSequence(runner, slot, 64))
    const results = await runner.run([
      together[0]!.chunk(long.input_ids, { sampler: greedy }),
      together[1]!.chunk(short.input_ids, { sampler: greedy }),
    ])
    expect(results.map(({ sampledId }) => sampledId)).toEqual([long.greedy[0], short.greedy[0]])
    model.destroy()
  })

  it('gives several answers the bits that one has alone, from one prefill, and computes a prompt anew each time', async () => {
    const { model, golden } = await load()
    const promptIds = golden.sequences[2]!.input_ids
    const engine = new RecordingEngine(model.runner)
    const alone = await generate(engine, { promptIds, maxTokens: 8 })
    expect(alone.ids).toEqual(golden.sequences[2]!.greedy.slice(0, 8))
    engine.steps.length = 0
    const three = Array.from({ length: 3 }, () => ({ promptIds, maxTokens: 8 }))
    expect(await Promise.all(generateAnswers(engine, three))).toEqual([alone, alone, alone])
    const chunks = engine.steps.flat()
    const computed = chunks.filter(({ start }) => start < promptIds.length)
    expect(computed.reduce((sum, { ids }) => sum + ids.length, 0)).toBe(promptIds.length + 2)
    expect(chunks.filter(({ copyState }) => copyState !== null)).toHaveLength(2)
    expect(engine.stats().prefixHitTokens).toBe(0)
    model.destroy()
  })

  it('gives its answers in any company, with more sequences than slots and aborts among them', async () => {
    const { model, golden } = await load()
    const engine = new RecordingEngine(model.runner)
    const stopping = new AbortController()
    const aborted = generate(engine, {
      promptIds: [5, 6, 7],
      maxTokens: 40,
      signal: stopping.signal,
      onToken: (tokens) => {
        if (tokens === 3) stopping.abort()
      },
    })
    const running = [...golden.sequences, ...golden.sequences].map(({ input_ids }) =>
      generate(engine, { promptIds: input_ids, maxTokens: 16 }),
    )
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    for (const [i, { ids }] of (await Promise.all(running)).entries()) {
      expect(ids).toEqual(golden.sequences[i % golden.sequences.length]!.greedy)
    }
    model.destroy()
  })
})
