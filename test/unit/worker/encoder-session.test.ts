import { describe, expect, it } from 'vitest'
import type { GpuEncoder } from '../../../src/model/encoder-runner'
import type { EncoderSequence } from '../../../src/model/encoder-step'
import type { Tokenizer } from '../../../src/text/types'
import type { EngineDiagnostics } from '../../../src/util/diagnostics'
import { EncoderSession } from '../../../src/worker/encoder-session'
import type { EmbeddingCall, EncoderInfo, EngineInfo } from '../../../src/worker/protocol'

/** Letters are tokens: a is 1; 30 opens a text, 31 ends it. */
const tokenizer: Pick<Tokenizer, 'encode' | 'frames'> = {
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) - 96),
  frames: {
    single: [
      { ids: [30], type: 0 },
      { text: 0, type: 0 },
      { ids: [31], type: 0 },
    ],
    pair: [
      { ids: [30], type: 0 },
      { text: 0, type: 0 },
      { ids: [31], type: 0 },
      { text: 1, type: 1 },
      { ids: [31], type: 1 },
    ],
  },
}

const embedder: EncoderInfo = {
  task: 'embed',
  dimensions: 3,
  pooling: 'mean',
  maxTokens: 10,
  prompts: ['query', 'passage'],
}
const reranker: EncoderInfo = { ...embedder, task: 'score', dimensions: 1, pooling: null, prompts: [] }

interface SetUp {
  readonly encoder?: Partial<EncoderInfo>
  readonly activation?: 'sigmoid' | 'identity'
  readonly lowercases?: boolean
  readonly defaultPrompt?: string
  /** What the model makes of a sequence. */
  readonly outputs?: (sequence: EncoderSequence) => number[]
}

function setUp(task: EncoderInfo, given: SetUp = {}) {
  const {
    activation = 'sigmoid',
    lowercases = false,
    defaultPrompt = null,
    outputs = () => [3, 4, 12],
  } = given
  const encoded: EncoderSequence[] = []
  const encoder = { ...task, ...given.encoder }
  const session = new EncoderSession({
    info: { model: { reference: 'a model' }, encoder } as EngineInfo & { encoder: EncoderInfo },
    encoder: {
      encode: async (sequences) => {
        encoded.push(...sequences)
        return sequences.map((sequence) => Float32Array.from(outputs(sequence)))
      },
      limits: { maxTokens: 10, maxBatchTokens: 100, maxSequences: 8, vocabSize: 32, outputs: 3 },
      stats: () => ({ running: 1, waiting: 2, steps: 3, recovering: false }),
    },
    diagnostics: async () => ({}) as EngineDiagnostics,
    profiler: {} as GpuEncoder['profiler'],
    tokenizer,
    settings: {
      lowercases,
      prompts: new Map([
        ['query', 'q'],
        ['passage', 'p'],
      ]),
      defaultPrompt,
    },
    activation,
    unload: () => {},
  })
  return { session, encoded, ids: () => encoded.map(({ ids }) => ids) }
}

const { signal } = new AbortController()
const call: EmbeddingCall = {
  id: 'e',
  inputs: ['ab'],
  promptName: null,
  dimensions: null,
  truncateTo: null,
}
const ranking = { id: 'r', query: 'ab', documents: ['c', 'de'], truncateTo: null }

describe('an embedding model', () => {
  it('frames texts, takes ids as they are, and counts the tokens of both', async () => {
    const { session, encoded } = setUp(embedder)
    const { vectors, promptTokens } = await session.embed({ ...call, inputs: ['ab', [5, 6, 7]] }, signal)
    expect(encoded).toEqual([
      { ids: [30, 1, 2, 31], types: [0, 0, 0, 0] },
      { ids: [5, 6, 7], types: [0, 0, 0] },
    ])
    expect(vectors).toHaveLength(2)
    expect(promptTokens).toBe(7)
  })

  it('takes white space off a text, and capitals where the repo says so', async () => {
    const plain = setUp(embedder)
    await plain.session.embed({ ...call, inputs: [' \n ab\u0085'] }, signal)
    expect(plain.ids()).toEqual([[30, 1, 2, 31]])
    const lowercasing = setUp(embedder, { lowercases: true })
    await lowercasing.session.embed({ ...call, inputs: ['AB'] }, signal)
    expect(lowercasing.ids()).toEqual([[30, 1, 2, 31]])
  })

  it('puts the repo’s prompts before texts', async () => {
    const { session, ids } = setUp(embedder, { defaultPrompt: 'passage' })
    await session.embed({ ...call, promptName: 'query', inputs: ['ab', [4]] }, signal)
    await session.embed(call, signal)
    expect(ids()).toEqual([[30, 17, 1, 2, 31], [4], [30, 16, 1, 2, 31]])
    await expect(session.embed({ ...call, promptName: 'other' }, signal)).rejects.toMatchObject({
      code: 'invalid-request',
      remedy: expect.stringContaining('query, passage'),
    })
  })

  it('keeps the dimensions that are wanted, at length 1', async () => {
    const { session } = setUp(embedder)
    const whole = await session.embed({ ...call, dimensions: 3 }, signal)
    expect([...whole.vectors[0]!]).toEqual([3 / 13, 4 / 13, 12 / 13].map(Math.fround))
    const { vectors } = await session.embed({ ...call, dimensions: 2 }, signal)
    expect([...vectors[0]!]).toEqual([0.6, 0.8].map(Math.fround))
    const zero = setUp(embedder, { outputs: () => [0, 0, 1] }).session
    expect([...(await zero.embed({ ...call, dimensions: 2 }, signal)).vectors[0]!]).toEqual([0, 0])
    await expect(session.embed({ ...call, dimensions: 4 }, signal)).rejects.toMatchObject({
      code: 'invalid-request',
      message: 'dimensions is 4; this model’s vectors have 3.',
    })
  })

  it('refuses what is too long, unless it may cut it', async () => {
    const { session, ids } = setUp(embedder)
    const long = { ...call, inputs: ['ab', 'abcdefghi'] }
    await expect(session.embed(long, signal)).rejects.toMatchObject({
      code: 'context-too-long',
      message: 'input[1] has 11 tokens; this model takes 10.',
    })
    await expect(session.embed({ ...call, inputs: [Array(11).fill(1)] }, signal)).rejects.toMatchObject({
      code: 'context-too-long',
    })
    expect(ids()).toEqual([])
    await session.embed({ ...long, truncateTo: -1 }, signal)
    await session.embed({ ...call, inputs: ['abcdef', [1, 2, 3, 4, 5]], truncateTo: 4 }, signal)
    expect(ids()).toEqual([
      [30, 1, 2, 31],
      [30, 1, 2, 3, 4, 5, 6, 7, 8, 31],
      [30, 1, 2, 31],
      [1, 2, 3, 4],
    ])
    await expect(session.embed({ ...call, truncateTo: 11 }, signal)).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('truncate_prompt_tokens is 11'),
    })
  })

  it.each<[EmbeddingCall['inputs'][number], number | null, string]>([
    [[32], null, 'token id 32; this model’s ids are below 32'],
    [[1], 0, 'has 0 tokens'],
    ['ab', 0, 'has 2 tokens'],
  ])('refuses %j cut to %s', async (input, truncateTo, message) => {
    const { session } = setUp(embedder, { encoder: { maxTokens: 1 } })
    await expect(session.embed({ ...call, inputs: [input], truncateTo }, signal)).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining(message),
    })
  })

  it('ranks documents by the cosine of their vectors, with the prompts for either', async () => {
    const outputs = ({ ids }: EncoderSequence) => (ids.includes(3) ? [2, 0, 0] : [1, 1, 0])
    const { session, ids } = setUp(embedder, { outputs })
    const { scores, promptTokens } = await session.rerank(ranking, signal)
    expect(ids()).toEqual([
      [30, 17, 1, 2, 31],
      [30, 16, 3, 31],
      [30, 16, 4, 5, 31],
    ])
    expect(scores[0]).toBeCloseTo(Math.SQRT1_2, 12)
    expect(scores[1]).toBeCloseTo(1, 12)
    expect(promptTokens).toBe(14)
  })

  it('says what it does', () => {
    expect(setUp(embedder).session.stats()).toMatchObject({
      runningSequences: 1,
      waitingSequences: 2,
      steps: 3,
    })
  })
})

describe('a reranker', () => {
  it('scores the query with each document, as a probability', async () => {
    const outputs = ({ ids }: EncoderSequence) => [ids.includes(3) ? 2 : -1]
    const { session, encoded } = setUp(reranker, { outputs })
    const { scores, promptTokens } = await session.rerank(ranking, signal)
    expect(encoded[0]).toEqual({ ids: [30, 1, 2, 31, 3, 31], types: [0, 0, 0, 0, 1, 1] })
    expect(scores).toEqual([1 / (1 + Math.exp(-2)), 1 / (1 + Math.exp(1))])
    expect(promptTokens).toBe(13)
  })

  it('leaves scores as they are where the repo says so', async () => {
    const { session } = setUp(reranker, { activation: 'identity', outputs: () => [-7] })
    expect((await session.rerank(ranking, signal)).scores).toEqual([-7, -7])
  })

  it('refuses a pair that is too long, unless it may cut it', async () => {
    const { session, ids } = setUp(reranker)
    const long = { ...ranking, documents: ['c', 'abcdefgh'] }
    await expect(session.rerank(long, signal)).rejects.toMatchObject({
      code: 'context-too-long',
      message: 'The query with documents[1] has 13 tokens; this model takes 10.',
    })
    await session.rerank({ ...long, truncateTo: -1 }, signal)
    expect(ids()[1]).toEqual([30, 1, 2, 31, 1, 2, 3, 4, 5, 31])
  })

  it('makes no vectors', async () => {
    await expect(setUp(reranker).session.embed(call, signal)).rejects.toMatchObject({
      code: 'unsupported-architecture',
      remedy: expect.stringContaining('engine.rerank'),
    })
  })

  it('ranks nothing where it has several labels', async () => {
    const { session } = setUp(reranker, { encoder: { dimensions: 3 } })
    await expect(session.rerank(ranking, signal)).rejects.toMatchObject({
      code: 'unsupported-architecture',
      message: expect.stringContaining('3 classes'),
    })
  })
})

it('reads a text of random tokens to be profiled', async () => {
  const { session, encoded } = setUp(embedder)
  await session.runProfiled({ id: 'p', promptTokens: 7, tokens: null }, signal)
  await session.runProfiled({ id: 'p', promptTokens: null, tokens: 3 }, signal)
  expect(encoded.map(({ ids }) => ids.length)).toEqual([7, 5])
  const tooMany = session.runProfiled({ id: 'p', promptTokens: 11, tokens: null }, signal)
  await expect(tooMany).rejects.toMatchObject({ code: 'context-too-long' })
})
