import { drawnTarget, settingsWords } from '../kernels/sample'
import { adjustsLogits, mostListWords, SamplingWriter } from './sampling'
import type { RunnerLimits, StepChunk } from './step'

/** Where each part of a batch lies in the batch buffer, in u32 words. */
export interface BatchLayout {
  readonly ids: number
  readonly positions: number
  readonly slots: number
  readonly logitRows: number
  readonly settings: number
  readonly targets: number
  readonly decodeTiles: number
  readonly prefillTiles: number
  /** [first row, tokens, position of the first, slot] for each chunk, in the order of their rows. */
  readonly chunks: number
  /** Block tables, and right behind them what rows list for their samplers: biases and masks. */
  readonly tables: number
  /** Of encoders: token types; each sequence's first row and how many it has; the same where a sequence has one row. */
  readonly types: number
  readonly sequences: number
  readonly singles: number
  readonly words: number
}

/** Words of a tile of attention: its first row, its tokens, the first one's position, its block table, its sequence's keys. */
export const tileWords = 5

/** What the dispatches of a step must know to choose their grids. */
export interface BatchShape {
  readonly tokens: number
  /** Runs of consecutive tokens, of a sequence each. */
  readonly chunks: number
  /** Whole sequences, of encoders. */
  readonly sequences: number
  /** Rows of logits: those to draw from come first. */
  readonly logitRows: number
  readonly sampleRows: number
  /** Some row's logits are adjusted before its draw. */
  readonly adjusts: boolean
  readonly wantsLogprobs: boolean
  readonly decode: TileShape
  readonly prefill: TileShape
}

export interface TileShape {
  readonly tiles: number
  readonly tokens: number
  readonly maxContext: number
  readonly contextTokens: number
}

export function batchLayout(limits: RunnerLimits): BatchLayout {
  let words = 0
  const take = (count: number) => {
    const at = words
    words += count
    return at
  }
  const { maxBatchTokens, maxLogitRows, maxSequences } = limits
  const ids = take(maxBatchTokens)
  const positions = take(maxBatchTokens)
  const slots = take(maxBatchTokens)
  const logitRows = take(maxLogitRows)
  const settings = take(maxLogitRows * settingsWords)
  const targets = take(maxLogitRows * 2)
  const decodeTiles = take(maxSequences * tileWords)
  const prefillTiles = take(maxBatchTokens * tileWords)
  const chunks = take(maxSequences * 4)
  const tables = take(maxSequences * Math.ceil(limits.maxContext / limits.blockSize))
  take(maxSequences * mostListWords(limits.vocabSize))
  const ofEncoders = { types: 0, sequences: 0, singles: 0 }
  return {
    ids,
    positions,
    slots,
    logitRows,
    settings,
    targets,
    decodeTiles,
    prefillTiles,
    chunks,
    tables,
    ...ofEncoders,
    words,
  }
}

/** A batch as words for the GPU, written anew for each step into the same array. */
export class BatchWriter {
  readonly words: Uint32Array<ArrayBuffer>
  readonly #sampling: SamplingWriter

  constructor(
    readonly layout: BatchLayout,
    readonly limits: RunnerLimits,
    /** Tokens of a prefill tile. */
    readonly tileTokens: number,
  ) {
    this.words = new Uint32Array(layout.words)
    this.#sampling = new SamplingWriter(this.words, limits.vocabSize)
  }

  /** Fills `words`; the first `used` of them are to be sent. */
  write(chunks: readonly StepChunk[]): { shape: BatchShape; used: number } {
    const { words, layout, limits } = this
    const decode = new TileCounter()
    const prefill = new TileCounter()
    const rows = new LogitRowList()
    let tokens = 0
    let tables = 0
    for (const [i, chunk] of chunks.entries()) {
      const count = chunk.ids === 'sampled' ? 1 : chunk.ids.length
      this.#writeTokens(chunk, count, tokens)
      words.set([tokens, count, chunk.start, chunk.slot], layout.chunks + 4 * i)
      words.set(chunk.blocks, layout.tables + tables)
      if (count === 1) {
        words.set(
          [tokens, 1, chunk.start, tables, chunk.start + 1],
          layout.decodeTiles + decode.tiles * tileWords,
        )
        decode.add(1, chunk.start + 1)
      } else {
        for (let done = 0; done < count; done += this.tileTokens) {
          const size = Math.min(this.tileTokens, count - done)
          words.set(
            [tokens + done, size, chunk.start + done, tables, chunk.start + count],
            layout.prefillTiles + prefill.tiles * tileWords,
          )
          prefill.add(size, chunk.start + done + size)
        }
      }
      rows.add(chunk, tokens, count)
      tokens += count
      tables += chunk.blocks.length
    }
    const ordered = [...rows.sampled, ...rows.asked]
    let used = layout.tables + tables
    ordered.forEach((row, i) => {
      words[layout.logitRows + i] = row.token
      words[layout.targets + 2 * i] = row.target
      words[layout.targets + 2 * i + 1] = row.top
      const { sampler, slot } = row.chunk
      if (!sampler || row.target !== drawnTarget) return
      const settings = layout.settings + i * settingsWords
      used = this.#sampling.write(settings, used, sampler, row.position, slot)
    })
    if (tokens > limits.maxBatchTokens || ordered.length > limits.maxLogitRows) {
      throw new Error(
        `a step of ${tokens} tokens and ${ordered.length} logit rows is more than the runner takes`,
      )
    }
    const shape = {
      tokens,
      chunks: chunks.length,
      sequences: 0,
      logitRows: ordered.length,
      sampleRows: rows.sampled.length,
      adjusts: rows.sampled.some(({ chunk }) => adjustsLogits(chunk.sampler!)),
      wantsLogprobs: ordered.some((row) => row.top > 0),
      decode,
      prefill,
    }
    return { shape, used }
  }

  #writeTokens(chunk: StepChunk, count: number, first: number): void {
    const { words, layout } = this
    const { blockSize } = this.limits
    for (let i = 0; i < count; i++) {
      const position = chunk.start + i
      words[layout.ids + first + i] = chunk.ids === 'sampled' ? 0x80000000 + chunk.slot : chunk.ids[i]!
      words[layout.positions + first + i] = position
      words[layout.slots + first + i] =
        chunk.blocks[Math.floor(position / blockSize)]! * blockSize + (position % blockSize)
    }
  }
}

/** A batch has none of these. */
export const emptyTiles: TileShape = { tiles: 0, tokens: 0, maxContext: 0, contextTokens: 0 }

export class TileCounter implements TileShape {
  tiles = 0
  tokens = 0
  maxContext = 0
  contextTokens = 0

  add(tokens: number, context: number): void {
    this.tiles += 1
    this.tokens += tokens
    this.maxContext = Math.max(this.maxContext, context)
    this.contextTokens += context
  }
}

interface LogitRow {
  readonly chunk: StepChunk
  /** Row of the activations. */
  readonly token: number
  readonly position: number
  readonly target: number
  /** Best ids to report, at least one; 0: no log-probabilities for this row. */
  readonly top: number
}

/** The logit rows of a batch; results are read back in this order. */
class LogitRowList {
  readonly sampled: LogitRow[] = []
  readonly asked: LogitRow[] = []

  add(chunk: StepChunk, first: number, count: number): void {
    if (chunk.sampler) {
      const top = chunk.logprobs === null ? 0 : Math.max(1, chunk.logprobs)
      const position = chunk.start + count - 1
      this.sampled.push({ chunk, token: first + count - 1, position, target: drawnTarget, top })
    }
    chunk.promptLogprobs?.targets.forEach((target, i) => {
      const top = Math.max(1, chunk.promptLogprobs!.top)
      this.asked.push({ chunk, token: first + i, position: chunk.start + i, target, top })
    })
  }
}
