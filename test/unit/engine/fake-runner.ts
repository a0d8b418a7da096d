import { seesHistory } from '../../../src/model/sampling'
import type {
  ChunkResult,
  Runner,
  RunnerLimits,
  SamplerSettings,
  StepChunk,
  TokenLogprobs,
} from '../../../src/model/step'

const testLimits: RunnerLimits = {
  maxSequences: 4,
  maxBatchTokens: 32,
  maxLogitRows: 8,
  blockSize: 4,
  blocks: 64,
  maxContext: 200,
  vocabSize: 1000,
  hasState: false,
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

function mix(hash: number, value: number): number {
  return (Math.imul(hash ^ (hash >>> 15), 31) + value + 1) >>> 0
}

/** What this "model" keeps of a token in its cache: a hash of the token and of all before it, as keys are at depth. */
function keyAfter(before: number, id: number): number {
  return mix(before, id) >>> 1
}

const firstKey = 17

/** What it keeps of a text in a slot where it has a state; nothing that a key tells. */
function stateAfter(before: number, id: number): number {
  return mix(before ^ 0x5bd1e995, id)
}

const firstState = 29

/** The id that is drawn after a text of which these are the keys, and the state, under a seed. Id 0 ends a text. */
function draw(
  keys: Iterable<number>,
  state: number,
  sampler: Pick<SamplerSettings, 'seed' | 'bannedIds' | 'allowed'>,
  vocab: number,
) {
  let hash = sampler.seed ^ state
  for (const key of keys) hash = mix(hash, key)
  let id = hash % 23 === 0 ? 0 : 1 + (hash % (vocab - 1))
  const may = (candidate: number) =>
    !sampler.bannedIds.includes(candidate) &&
    (!sampler.allowed || ((sampler.allowed[candidate >> 5]! >> (candidate & 31)) & 1) === 1)
  while (!may(id)) id = (id + 1) % vocab
  return id
}

/** The id after a text. */
export function nextId(
  ids: readonly number[],
  {
    seed = 0,
    allowed = null,
    bannedIds = [],
    hasState = false,
  }: Partial<Pick<SamplerSettings, 'seed' | 'allowed' | 'bannedIds'> & Pick<RunnerLimits, 'hasState'>> = {},
): number {
  let key = firstKey
  const keys = ids.map((id) => {
    key = keyAfter(key, id)
    return key
  })
  const state = hasState ? ids.reduce(stateAfter, firstState) : 0
  return draw(keys, state, { seed, allowed, bannedIds }, testLimits.vocabSize)
}

/**
 * A model that keeps keys in KV blocks as a real one does, and reads its whole context back by the block table: a wrong
 * table, position or reused block gives other ids. With `hasState` it keeps a state by slot as well, and so does a token
 * that was computed elsewhere. It refuses steps that no runner could take.
 */
export class FakeRunner implements Runner {
  readonly limits: RunnerLimits
  steps = 0
  failAt = Number.POSITIVE_INFINITY
  #lost = false
  largestBatch = 0
  readonly chunks: StepChunk[] = []
  readonly #cache: Int32Array
  readonly #sampled: Int32Array
  /** By slot; what is in one at first belongs to no text. */
  readonly #states: Uint32Array
  /** By slot: the key of the text whose ids are counted. */
  readonly #counted = new Map<number, number>()
  readonly #delay: (below: number) => number

  constructor(limits: Partial<RunnerLimits> = {}, seed = 1) {
    this.limits = { ...testLimits, ...limits }
    this.#cache = new Int32Array(this.limits.blocks * this.limits.blockSize).fill(-1)
    this.#sampled = new Int32Array(this.limits.maxSequences).fill(-1)
    this.#states = Uint32Array.from({ length: this.limits.maxSequences }, (_, slot) => 1000 + slot)
    this.#delay = random(seed)
  }

  /** Its GPU is gone: steps fail from now on, those in flight too. */
  lose(): void {
    this.#lost = true
  }

  async isLost(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.#lost
  }

  async run(chunks: readonly StepChunk[]): Promise<readonly ChunkResult[]> {
    this.steps += 1
    if (this.#lost) throw new Error('the GPU is gone')
    if (this.steps === this.failAt) throw new Error('the step broke')
    this.chunks.push(...chunks.map((chunk) => ({ ...chunk, blocks: [...chunk.blocks] })))
    this.largestBatch = Math.max(this.largestBatch, chunks.length)
    this.#check(chunks)
    for (const { slot, copyBlock, copyState } of chunks) {
      if (copyBlock) this.#copy(copyBlock.from, copyBlock.to)
      if (copyState !== null) this.#states[slot] = this.#states[copyState]!
    }
    for (const chunk of chunks) this.#write(chunk)
    const results = chunks.map((chunk) => this.#result(chunk))
    for (let turns = this.#delay(3); turns >= 0; turns--)
      await new Promise((resolve) => setImmediate(resolve))
    if (this.#lost) throw new Error('the GPU is gone')
    return results
  }

  /** Bytes of a block, as its store has them. */
  get blockBytes(): number {
    return 4 * this.limits.blockSize
  }

  async read(block: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.#block(block).slice().buffer)
    await new Promise((resolve) => setImmediate(resolve))
    return bytes
  }

  async write(block: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#block(block).set(new Int32Array(bytes.slice().buffer))
    await new Promise((resolve) => setImmediate(resolve))
  }

  #block(block: number): Int32Array {
    const { blockSize } = this.limits
    return this.#cache.subarray(block * blockSize, (block + 1) * blockSize)
  }

  #check(chunks: readonly StepChunk[]): void {
    const { maxBatchTokens, maxLogitRows, maxSequences, maxContext, blockSize } = this.limits
    const tokens = chunks.reduce((sum, chunk) => sum + tokensOf(chunk), 0)
    if (tokens > maxBatchTokens) throw new Error(`${tokens} tokens in a step`)
    const rows = chunks.reduce(
      (sum, chunk) => sum + (chunk.sampler ? 1 : 0) + (chunk.promptLogprobs?.targets.length ?? 0),
      0,
    )
    if (rows > maxLogitRows) throw new Error(`${rows} logit rows in a step`)
    const slots = new Set(chunks.map(({ slot }) => slot))
    if (slots.size < chunks.length) throw new Error('a slot is used twice')
    if ([...slots].some((slot) => slot < 0 || slot >= maxSequences)) throw new Error('there is no such slot')
    const written = new Set<number>()
    const write = (block: number | undefined) => {
      if (block === undefined) throw new Error('a chunk is longer than its block table')
      if (written.has(block)) throw new Error(`block ${block} is written twice in a step`)
      written.add(block)
    }
    for (const { start, blocks, copyBlock, ...chunk } of chunks) {
      const end = start + tokensOf(chunk)
      if (end > maxContext) throw new Error(`position ${end - 1} is beyond the context`)
      const first = Math.floor(start / blockSize)
      for (let i = first; i * blockSize < end; i++) write(blocks[i])
      if (copyBlock && copyBlock.to !== blocks[first]) throw new Error('a block is copied for nothing')
      if (chunk.copyState !== null && start === 0) throw new Error('a state is copied for nothing')
    }
  }

  #copy(from: number, to: number): void {
    const { blockSize } = this.limits
    this.#cache.copyWithin(to * blockSize, from * blockSize, (from + 1) * blockSize)
  }

  /** As the GPU counts for the penalties: the ids that it has for the slot must be those of the sequence. */
  #count({ slot, sampler }: StepChunk, key: number, drawn: number): void {
    const { history } = sampler!
    if (history) this.#counted.set(slot, history.ids.reduce(keyAfter, firstKey))
    if (this.#counted.get(slot) !== key) throw new Error(`slot ${slot} counts ids of another text`)
    this.#counted.set(slot, keyAfter(key, drawn))
  }

  #at({ blocks }: Pick<StepChunk, 'blocks'>, position: number): number {
    const { blockSize } = this.limits
    return blocks[Math.floor(position / blockSize)]! * blockSize + (position % blockSize)
  }

  #key(chunk: StepChunk, position: number): number {
    const key = this.#cache[this.#at(chunk, position)]!
    if (key === -1) throw new Error(`position ${position} is read and was not computed`)
    return key
  }

  #write(chunk: StepChunk): void {
    const ids = chunk.ids === 'sampled' ? [this.#sampled[chunk.slot]!] : chunk.ids
    let key = chunk.start === 0 ? firstKey : this.#key(chunk, chunk.start - 1)
    for (const [i, id] of ids.entries()) {
      key = keyAfter(key, id)
      this.#cache[this.#at(chunk, chunk.start + i)] = key
    }
    const state = chunk.start === 0 ? firstState : this.#states[chunk.slot]!
    this.#states[chunk.slot] = ids.reduce(stateAfter, state)
  }

  #result(chunk: StepChunk): ChunkResult {
    const { sampler, promptLogprobs } = chunk
    const end = chunk.start + tokensOf(chunk)
    const keys = Array.from({ length: end }, (_, position) => this.#key(chunk, position))
    const state = this.limits.hasState ? this.#states[chunk.slot]! : 0
    const sampledId = sampler && draw(keys, state, sampler, this.limits.vocabSize)
    if (sampledId !== null) this.#sampled[chunk.slot] = sampledId
    if (sampler && seesHistory(sampler)) this.#count(chunk, keys.at(-1)!, sampledId!)
    const asked = promptLogprobs?.targets ?? []
    return {
      sampledId,
      logprobs: sampledId === null || chunk.logprobs === null ? null : logprobsOf(sampledId, end),
      promptLogprobs: asked.map((id, i) => logprobsOf(id, chunk.start + i + 1)),
    }
  }
}

export function tokensOf({ ids }: Pick<StepChunk, 'ids'>): number {
  return ids === 'sampled' ? 1 : ids.length
}

/** The log-probability that this model gives the id at a position. */
function logprobsOf(id: number, position: number): TokenLogprobs {
  return { id, logprob: -position - id / 1000, rank: 1, top: [] }
}
