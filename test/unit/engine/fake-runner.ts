import type { ChunkResult, Runner, RunnerLimits, StepChunk, TokenLogprobs } from '../../../src/model/step'

export const testLimits: RunnerLimits = {
  maxSequences: 4,
  maxBatchTokens: 32,
  maxLogitRows: 8,
  blockSize: 4,
  blocks: 64,
  maxContext: 200,
  vocabSize: 1000,
}

/** Seeded, so that a failure can be repeated (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** The id that this "model" draws after a text: a hash of all of it. Id 0 ends a text. */
export function nextId(ids: readonly number[], vocabSize = testLimits.vocabSize): number {
  let hash = 17
  for (const id of ids) hash = (Math.imul(hash, 31) + id + 1) >>> 0
  return hash % 23 === 0 ? 0 : 1 + (hash % (vocabSize - 1))
}

/**
 * A model that remembers ids in KV blocks as a real one remembers keys, and reads its whole context back from the
 * block table: a wrong table, position or reused block gives other ids.
 */
export class FakeRunner implements Runner {
  readonly limits: RunnerLimits
  steps = 0
  failAt = Number.POSITIVE_INFINITY
  largestBatch = 0
  readonly chunks: StepChunk[] = []
  readonly #cache: Int32Array
  readonly #sampled: Int32Array
  readonly #delay: (below: number) => number

  constructor(limits: Partial<RunnerLimits> = {}, seed = 1) {
    this.limits = { ...testLimits, ...limits }
    this.#cache = new Int32Array(this.limits.blocks * this.limits.blockSize).fill(-1)
    this.#sampled = new Int32Array(this.limits.maxSequences).fill(-1)
    this.#delay = random(seed)
  }

  async run(chunks: readonly StepChunk[]): Promise<readonly ChunkResult[]> {
    this.steps += 1
    if (this.steps >= this.failAt) throw new Error('the step broke')
    this.chunks.push(...chunks)
    const tokens = chunks.reduce((sum, chunk) => sum + (chunk.ids === 'sampled' ? 1 : chunk.ids.length), 0)
    this.largestBatch = Math.max(this.largestBatch, chunks.length)
    if (tokens > this.limits.maxBatchTokens) throw new Error(`${tokens} tokens in a step`)
    const rows = chunks.reduce(
      (sum, chunk) => sum + (chunk.sampler ? 1 : 0) + (chunk.promptLogprobs?.targets.length ?? 0),
      0,
    )
    if (rows > this.limits.maxLogitRows) throw new Error(`${rows} logit rows in a step`)
    if (new Set(chunks.map((chunk) => chunk.slot)).size < chunks.length)
      throw new Error('a slot is used twice')
    const results = chunks.map((chunk) => this.#runChunk(chunk))
    for (let turns = this.#delay(3); turns >= 0; turns--)
      await new Promise((resolve) => setImmediate(resolve))
    return results
  }

  #runChunk(chunk: StepChunk): ChunkResult {
    const ids = chunk.ids === 'sampled' ? [this.#sampled[chunk.slot]!] : chunk.ids
    const { blockSize } = this.limits
    const at = (position: number) => {
      const block = chunk.blocks[Math.floor(position / blockSize)]
      if (block === undefined) throw new Error(`no block for position ${position}`)
      return block * blockSize + (position % blockSize)
    }
    ids.forEach((id, i) => {
      this.#cache[at(chunk.start + i)] = id
    })
    const context = (length: number) => Array.from({ length }, (_, position) => this.#cache[at(position)]!)
    const logprobs = (id: number, position: number): TokenLogprobs => ({
      id,
      logprob: -position - id / 1000,
      rank: 1,
      top: [],
    })
    let sampledId: number | null = null
    if (chunk.sampler) {
      sampledId = nextId(context(chunk.start + ids.length), this.limits.vocabSize)
      while (chunk.sampler.bannedIds.includes(sampledId)) sampledId += 1
      this.#sampled[chunk.slot] = sampledId
    }
    const targets = chunk.promptLogprobs?.targets ?? []
    return {
      sampledId,
      logprobs:
        sampledId === null || chunk.logprobs === null ? null : logprobs(sampledId, chunk.start + ids.length),
      promptLogprobs: targets.map((id, i) => logprobs(id, chunk.start + i + 1)),
    }
  }
}
