import { kernel, storage } from '../gpu/kernel'

/** Words of the settings of one row in the batch; see model/sampling.ts. */
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

/** How many ids a lane of `adjustLogits` walks: few enough for a row to be shared by many workgroups. */
export const adjustIdsPerLane = 16

/**
 * Logits as the sampler is to see them: biased, penalized for ids that the slot has had, and −1e30 where an id must not
 * be drawn. Dispatched where a row of the step asks for it.
 */
export const adjustLogits = kernel({
  shader: 'adjust_logits',
  bindings: {
    logits: storage('read', 'f32', ['rows', 'vocab']),
    batch: storage('read', 'u32', ['words']),
    counts: storage('read', 'u32', ['sequences', 'vocab']),
    adjusted: storage('read_write', 'f32', ['rows', 'vocab']),
  },
  params: { vocab: 'u32', settings_at: 'u32' },
  constants: ['workgroup_size', 'ids_per_lane'],
  grid: ({ rows, vocab }: LogitRows, { workgroup_size, ids_per_lane }) => [
    Math.ceil(vocab / (workgroup_size * ids_per_lane)),
    rows,
    1,
  ],
  // Logits, counts, and what is written.
  bytes: ({ rows, vocab }) => 12 * rows * vocab,
})

/**
 * Draws an id for each row: greedy, or temperature, then top-k, top-p, min-p, seeded. Ties of a threshold are kept.
 * The id goes to `results` for the read-back, to `sampled` for the next step's embedding, and to `counts` for the
 * penalties of the slot's next draw, where it has any.
 */
export const sample = kernel({
  shader: 'sample',
  bindings: {
    logits: storage('read', 'f32', ['rows', 'vocab']),
    batch: storage('read', 'u32', ['words']),
    results: storage('read_write', 'u32', ['rows', 'result words']),
    sampled: storage('read_write', 'u32', ['sequences']),
    counts: storage('read_write', 'u32', ['sequences', 'vocab']),
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
