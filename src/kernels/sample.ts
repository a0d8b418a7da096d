import { kernel, storage } from '../gpu/kernel'

/** Words of the settings of one row in the batch; see `writeSettings` in model/batch.ts. */
export const settingsWords = 16
/** Words of the result of one row: id, log-probability, rank, asked id, then 20 pairs of id and log-probability. */
export const resultWords = 44
export const maxTopLogprobs = 20
/** In place of a target: the id that was drawn for the row. */
export const drawnTarget = 0xffffffff

interface LogitRows {
  readonly rows: number
  readonly vocab: number
}

/**
 * Draws an id for each row: greedy, or temperature, then top-k, top-p, min-p, seeded. Ties of a threshold are kept.
 * The id goes to `results` for the read-back and to `sampled` for the next step's embedding.
 */
export const sample = kernel({
  shader: 'sample',
  bindings: {
    logits: storage('read', 'f32', ['rows', 'vocab']),
    batch: storage('read', 'u32', ['words']),
    results: storage('read_write', 'u32', ['rows', 'result words']),
    sampled: storage('read_write', 'u32', ['sequences']),
  },
  params: { vocab: 'u32', settings_at: 'u32', result_words: 'u32' },
  constants: ['workgroup_size'],
  grid: ({ rows }: LogitRows) => [rows, 1, 1],
  bytes: ({ rows, vocab }) => 4 * rows * vocab,
})

/** Log-probability and rank of one id for each row, and the row's best ids, over the raw logits. */
export const logprobs = kernel({
  shader: 'logprobs',
  bindings: {
    logits: storage('read', 'f32', ['rows', 'vocab']),
    batch: storage('read', 'u32', ['words']),
    results: storage('read_write', 'u32', ['rows', 'result words']),
  },
  params: { vocab: 'u32', targets_at: 'u32', result_words: 'u32' },
  constants: ['workgroup_size'],
  grid: ({ rows }: LogitRows) => [rows, 1, 1],
  bytes: ({ rows, vocab }) => 4 * rows * vocab,
})
