import { settingsWords } from '../kernels/sample'
import { OctavoError } from '../util/octavo-error'
import type { SamplerSettings, SamplingHistory } from './step'

/** Ids that a request may give a bias. */
export const maxBiases = 1024
/** Ids that may be held back at a step. */
export const maxBannedIds = 64

/** So low that the id ends below all; see `masked` in adjust_logits.wgsl. */
const bannedBias = -2e30
const countsIds = 1
const hasMask = 2
const inPrompt = 0x80000000

/** Words of a row's lists, at most: its biases and bans, and its mask. */
export function mostListWords(vocab: number): number {
  return 2 * (maxBiases + maxBannedIds) + maskWords(vocab)
}

/** Words of a mask with one bit for each id. */
function maskWords(vocab: number): number {
  return Math.ceil(vocab / 32)
}

/** A mask that allows these ids: bit id % 32 of word id / 32. */
export function maskOf(ids: Iterable<number>, vocab: number): Uint32Array {
  const mask = new Uint32Array(maskWords(vocab))
  for (const id of ids) mask[id >>> 5]! |= 1 << (id & 31)
  return mask
}

/** Whether the mask leaves no id of the vocabulary that is not banned. */
export function allowsNothing(mask: Uint32Array, bannedIds: readonly number[], vocab: number): boolean {
  for (let word = 0; word < maskWords(vocab); word++) {
    const ids = Math.min(32, vocab - 32 * word)
    let left = mask[word]! & (ids === 32 ? -1 : (1 << ids) - 1)
    for (const id of left === 0 ? [] : bannedIds) if (id >>> 5 === word) left &= ~(1 << (id & 31))
    if (left !== 0) return false
  }
  return true
}

export function nothingAllowed(): OctavoError {
  return new OctavoError(
    'invalid-request',
    'No token may be drawn: none is allowed that is not held back as well.',
    'Allow more tokens, or give fewer min_tokens or stop_token_ids.',
  )
}

/** Whether the draw depends on the ids that were there before. */
export function seesHistory(
  sampler: Pick<SamplerSettings, 'repetitionPenalty' | 'presencePenalty' | 'frequencyPenalty'>,
): boolean {
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = sampler
  return repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0
}

/** Whether the row goes through `adjust_logits`. */
export function adjustsLogits(sampler: SamplerSettings): boolean {
  const { logitBias, bannedIds, allowed } = sampler
  return logitBias.length + bannedIds.length > 0 || allowed !== null || seesHistory(sampler)
}

/** Fills a row u32 [vocab] of the counts: how often each id is in the answer, and on top whether the prompt has it. */
export function countIds({ ids, promptTokens }: SamplingHistory, row: Uint32Array): void {
  row.fill(0)
  ids.forEach((id, i) => {
    row[id] = i < promptTokens ? row[id]! | inPrompt : row[id]! + 1
  })
}

/** Writes samplers as lib/settings.wgsl reads them. */
export class SamplingWriter {
  readonly #floats: Float32Array<ArrayBuffer>

  constructor(
    readonly words: Uint32Array<ArrayBuffer>,
    readonly vocab: number,
  ) {
    this.#floats = new Float32Array(words.buffer)
  }

  /**
   * Writes one row's settings to the words from `at` on and its lists to those from `lists` on.
   *
   * @returns the word behind the lists
   * @throws OctavoError 'invalid-request' where the mask leaves no id to draw
   */
  write(at: number, lists: number, sampler: SamplerSettings, position: number, slot: number): number {
    this.#check(sampler)
    const words = this.words.subarray(at, at + settingsWords)
    const floats = this.#floats.subarray(at, at + settingsWords)
    const biases = this.#writeBiases(lists, sampler)
    const masks = lists + 2 * biases
    floats[0] = sampler.temperature
    words[1] = sampler.topK
    floats[2] = sampler.topP
    floats[3] = sampler.minP
    words[4] = sampler.seed
    words[5] = position
    words[6] = slot
    words[7] = (seesHistory(sampler) ? countsIds : 0) | (sampler.allowed ? hasMask : 0)
    floats[8] = sampler.repetitionPenalty
    floats[9] = sampler.presencePenalty
    floats[10] = sampler.frequencyPenalty
    words[11] = lists
    words[12] = biases
    words[13] = masks
    if (!sampler.allowed) return masks
    this.words.set(sampler.allowed, masks)
    return masks + sampler.allowed.length
  }

  #check({ logitBias, bannedIds, allowed }: SamplerSettings): void {
    if (logitBias.length > maxBiases || bannedIds.length > maxBannedIds) {
      throw new Error(`${logitBias.length} biases and ${bannedIds.length} bans are more than a row takes`)
    }
    if (allowed === null) return
    if (allowed.length !== maskWords(this.vocab)) {
      throw new Error(`a mask of ${allowed.length} words for a vocabulary of ${this.vocab}`)
    }
    if (allowsNothing(allowed, bannedIds, this.vocab)) throw nothingAllowed()
  }

  /** @returns how many there are: no id has two */
  #writeBiases(at: number, { logitBias, bannedIds }: SamplerSettings): number {
    let count = 0
    const add = (id: number, bias: number) => {
      this.words[at + 2 * count] = id
      this.#floats[at + 2 * count + 1] = bias
      count += 1
    }
    for (const id of bannedIds) add(id, bannedBias)
    for (const [id, bias] of logitBias) if (!bannedIds.includes(id)) add(id, bias)
    return count
  }
}
