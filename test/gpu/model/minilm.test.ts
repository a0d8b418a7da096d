import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../../src/api/create-engine'
import type { Engine } from '../../../src/api/engine'
import { isQuick, openTestGpu } from '../../support/gpu'
import { LosableGpu } from '../../support/losable-gpu'

/** all-MiniLM-L6-v2 by transformers in f32; see the README beside it. */
interface Golden {
  readonly texts: readonly GoldenText[]
  /** `ranking`: indices of texts, best first; `scores` in that order. */
  readonly queries: readonly (GoldenText & {
    readonly ranking: readonly number[]
    readonly scores: readonly number[]
  })[]
}

interface GoldenText {
  readonly text: string
  readonly ids: readonly number[]
  readonly embedding: readonly number[]
}

const names = [
  ...['model.safetensors', 'config.json', 'tokenizer.json', 'tokenizer_config.json', 'modules.json'],
  ...['1_Pooling/config.json', 'sentence_bert_config.json', 'config_sentence_transformers.json'],
]
const golden: Golden = await (await fetch('/golden/minilm/embeddings.json')).json()
const quick = isQuick(await openTestGpu())
/** On a slow adapter a few short ones. */
const chosen = quick ? golden.texts : golden.texts.slice(14, 18)
const queries = quick ? golden.queries : golden.queries.slice(2, 3)
const texts = chosen.map(({ text }) => text)
/** Of an element, with floats in f32. */
const tolerance = 1e-4

async function fileOf(name: string): Promise<File> {
  const response = await fetch(`/cache/all-MiniLM-L6-v2/${name}`)
  if (!response.ok) throw new Error(`${name}: ${response.status}; \`npm run model\` fetches it`)
  return new File([await response.arrayBuffer()], name)
}

function furthest(got: ArrayLike<number>, expected: readonly number[]): number {
  expect(got.length).toBe(expected.length)
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - got[i]!)), 0)
}

describe('all-MiniLM-L6-v2 from its repo’s files', () => {
  const losable = new LosableGpu(navigator.gpu)
  let engine: Engine
  beforeAll(async () => {
    const model = await Promise.all(names.map(fileOf))
    engine = await createEngine({ model, gpu: losable.gpu, floatWeights: 'exact' })
  })
  afterAll(() => engine.unload())

  it('says what it is', () => {
    expect(engine.info.encoder).toEqual({
      task: 'embed',
      dimensions: 384,
      pooling: 'mean',
      maxTokens: 256,
      prompts: [],
    })
  })

  it('gives every text the vector of the reference', async () => {
    const { data, usage } = await engine.embeddings.create({ input: texts, truncate_prompt_tokens: -1 })
    for (const [i, { embedding, text }] of chosen.entries())
      expect(furthest(data[i]!.embedding, embedding), text.slice(0, 60)).toBeLessThan(tolerance)
    expect(usage.prompt_tokens).toBe(chosen.reduce((sum, { ids }) => sum + ids.length, 0))
  })

  it('gives a text the same bits by its ids and among concurrent calls', async () => {
    const some = chosen.slice(0, 6)
    const calls = some.map(({ ids }) => engine.embeddings.create({ input: [...ids] }))
    const together = await engine.embeddings.create({ input: some.map(({ text }) => text) })
    for (const [i, call] of calls.entries())
      expect((await call).data[0]!.embedding).toEqual(together.data[i]!.embedding)
  })

  it('ranks the texts for every query as the reference does', async () => {
    for (const { text: query, ranking, scores } of queries) {
      const expected = chosen.map((text) => scores[ranking.indexOf(golden.texts.indexOf(text))]!)
      const { results } = await engine.rerank({ query, documents: texts, truncate_prompt_tokens: -1 })
      expect(new Set(results.map(({ index }) => index)).size).toBe(texts.length)
      const best = [...expected].sort((a, b) => b - a)
      for (const [place, { index, relevance_score }] of results.entries()) {
        expect(Math.abs(relevance_score - expected[index]!)).toBeLessThan(1e-3)
        // Neighbours whose scores differ by less than the tolerance may change places.
        expect(Math.abs(best[place]! - expected[index]!)).toBeLessThan(1e-3)
      }
    }
  })

  it('computes on another GPU what it was computing on one that is taken away', async () => {
    const input = texts.slice(0, 4)
    const before = await engine.embeddings.create({ input })
    const disturbed = engine.embeddings.create({ input })
    // By then its batches are on the GPU.
    await engine.stats()
    losable.lose()
    expect((await disturbed).data).toEqual(before.data)
    expect(losable.devices).toHaveLength(2)
    expect((await engine.diagnostics()).deviceLosses).toMatchObject([
      { recoveredAfterMs: expect.any(Number) },
    ])
  })

  it('refuses a text that is too long, and a chat', async () => {
    const long = 'word '.repeat(300)
    await expect(engine.embeddings.create({ input: long })).rejects.toMatchObject({
      code: 'context-too-long',
      message: 'The input has 302 tokens; this model takes 256.',
    })
    const messages = [{ role: 'user' as const, content: 'Hi' }]
    await expect(engine.chat.completions.create({ messages })).rejects.toMatchObject({
      code: 'unsupported-architecture',
      message: expect.stringContaining('reads texts and writes none'),
    })
  })
})
