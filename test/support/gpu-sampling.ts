import type { GpuDevice } from '../../src/gpu/device'
import { adjustIdsPerLane, adjustLogits, resultWords, sample, settingsWords } from '../../src/kernels/sample'
import { adjustsLogits, countIds, mostListWords, SamplingWriter } from '../../src/model/sampling'
import { greedy, type SamplerSettings } from '../../src/model/step'
import { runKernel } from './gpu'

/** One row of a test: its sampler, and where in its sequence it draws. Its slot is its number from the end. */
export interface SampledRow extends Partial<SamplerSettings> {
  readonly position?: number
}

export interface DrawnRows {
  readonly ids: readonly number[]
  /** By slot: the ids for the next step. */
  readonly sampled: Uint32Array
  /** u32 [slots, vocab] */
  readonly counts: Uint32Array
}

/** Words before the settings, so that an offset that is not looked at shows. */
const settingsAt = 3

/** The rows in a batch as the runner writes it, and the counts of their histories. */
function packRows(rows: readonly SampledRow[], vocab: number) {
  const listsAt = settingsAt + rows.length * settingsWords
  const most = rows.some((row) => adjustsLogits({ ...greedy, ...row })) ? mostListWords(vocab) : 0
  const words = new Uint32Array(listsAt + rows.length * most)
  const counts = new Uint32Array(rows.length * vocab)
  const writer = new SamplingWriter(words, vocab)
  let lists = listsAt
  rows.forEach(({ position = 0, ...settings }, row) => {
    const sampler = { ...greedy, ...settings }
    const slot = rows.length - 1 - row
    lists = writer.write(settingsAt + row * settingsWords, lists, sampler, position, slot)
    if (sampler.history) countIds(sampler.history, counts.subarray(slot * vocab, (slot + 1) * vocab))
  })
  return { batch: words.slice(0, lists), counts }
}

/** What the sampler sees of the rows' logits f32 [rows, vocab]. */
export async function adjustRows(
  gpu: GpuDevice,
  lanes: number,
  logits: Float32Array<ArrayBuffer>,
  rows: readonly SampledRow[],
): Promise<Float32Array<ArrayBuffer>> {
  const vocab = logits.length / rows.length
  const outputs = await runKernel(gpu, adjustLogits, {
    variant: { constants: { workgroup_size: lanes, ids_per_lane: adjustIdsPerLane } },
    inputs: { logits, adjusted: logits.length, ...packRows(rows, vocab) },
    params: { vocab, settings_at: settingsAt },
    shape: { rows: rows.length, vocab },
  })
  return outputs.floats('adjusted')
}

/** Draws an id for each row of logits f32 [rows, vocab], adjusted where a row asks for it. */
export async function drawRows(
  gpu: GpuDevice,
  lanes: number,
  logits: Float32Array<ArrayBuffer>,
  rows: readonly SampledRow[],
): Promise<DrawnRows> {
  const vocab = logits.length / rows.length
  const adjusts = rows.some((row) => adjustsLogits({ ...greedy, ...row }))
  const outputs = await runKernel(gpu, sample, {
    variant: { constants: { workgroup_size: lanes } },
    inputs: {
      logits: adjusts ? await adjustRows(gpu, lanes, logits, rows) : logits,
      results: rows.length * resultWords,
      sampled: rows.length,
      ...packRows(rows, vocab),
    },
    params: { vocab, settings_at: settingsAt, result_words: resultWords },
    shape: { rows: rows.length, vocab },
  })
  return {
    ids: rows.map((_, row) => outputs.words('results')[row * resultWords]!),
    sampled: outputs.words('sampled'),
    counts: outputs.words('counts'),
  }
}

/** The same logits in each of `count` rows. */
export function repeated(logits: ArrayLike<number>, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: logits.length * count }, (_, i) => logits[i % logits.length]!)
}
