import { type BatchLayout, type BatchShape, emptyTiles, TileCounter, tileWords } from './batch'
import type { EncoderSequence } from './encoder-step'
import { blockSize } from './kv-cache'

/** What a batch of whole sequences may have. */
export interface EncoderRoom {
  readonly maxBatchTokens: number
  readonly maxSequences: number
}

/** Blocks that keys and values of a layer take: each sequence begins with one of its own. */
export function encoderBlocks({ maxBatchTokens, maxSequences }: EncoderRoom): number {
  return Math.ceil(maxBatchTokens / blockSize) + maxSequences
}

export function encoderLayout(room: EncoderRoom): BatchLayout {
  const { maxBatchTokens, maxSequences } = room
  let words = 0
  const take = (count: number) => {
    const at = words
    words += count
    return at
  }
  const ids = take(maxBatchTokens)
  const positions = take(maxBatchTokens)
  const slots = take(maxBatchTokens)
  const types = take(maxBatchTokens)
  const sequences = take(2 * maxSequences)
  const singles = take(2 * maxSequences)
  const prefillTiles = take(maxBatchTokens * tileWords)
  const tables = take(encoderBlocks(room))
  const none = { logitRows: 0, settings: 0, targets: 0, decodeTiles: 0, chunks: 0 }
  return { ...none, ids, positions, slots, types, sequences, singles, prefillTiles, tables, words }
}

/** A batch of whole sequences as words for the GPU, written anew for each step into the same array. */
export class EncoderBatchWriter {
  readonly words: Uint32Array<ArrayBuffer>

  constructor(
    readonly layout: BatchLayout,
    readonly room: EncoderRoom,
    /** Tokens of a tile of attention. */
    readonly tileTokens: number,
  ) {
    this.words = new Uint32Array(layout.words)
  }

  /** Fills `words`; the first `used` of them are to be sent. */
  write(all: readonly EncoderSequence[]): { readonly shape: BatchShape; readonly used: number } {
    const { words, layout, room } = this
    const tokens = all.reduce((sum, { ids }) => sum + ids.length, 0)
    if (tokens > room.maxBatchTokens || all.length > room.maxSequences) {
      throw new Error(`a batch of ${tokens} tokens in ${all.length} sequences is more than the runner takes`)
    }
    const prefill = new TileCounter()
    let row = 0
    let blocks = 0
    for (const [i, { ids, types }] of all.entries()) {
      const { length } = ids
      words.set(ids, layout.ids + row)
      words.set(types, layout.types + row)
      words.set([row, length], layout.sequences + 2 * i)
      words.set([i, 1], layout.singles + 2 * i)
      for (let position = 0; position < length; position++) {
        words[layout.positions + row + position] = position
        words[layout.slots + row + position] = blocks * blockSize + position
      }
      for (let done = 0; done < length; done += this.tileTokens) {
        const size = Math.min(this.tileTokens, length - done)
        words.set([row + done, size, done, blocks, length], layout.prefillTiles + prefill.tiles * tileWords)
        prefill.add(size, length)
      }
      const own = Math.ceil(length / blockSize)
      for (let block = 0; block < own; block++) words[layout.tables + blocks + block] = blocks + block
      blocks += own
      row += length
    }
    const shape = {
      tokens,
      chunks: 0,
      sequences: all.length,
      logitRows: 0,
      sampleRows: 0,
      adjusts: false,
      wantsLogprobs: false,
      decode: emptyTiles,
      prefill,
    }
    return { shape, used: layout.tables + blocks }
  }
}
