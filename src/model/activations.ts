import type { GpuDevice } from '../gpu/device'
import { splitSize } from '../kernels/attention'
import { resultWords } from '../kernels/sample'
import type { BatchLayout } from './batch'
import type { ModelConfig } from './config'
import { paddedColumns } from './matrix'
import type { RunnerLimits } from './step'

/**
 * Buffers that live as long as the model and that every step writes anew. Separate ones, since a dispatch may not
 * bind one buffer for reading and for writing. Rows are rounded up to whole eights, which the many-token kernels touch.
 */
export interface Activations {
  /** u32, see BatchLayout */
  readonly batch: GPUBuffer
  /** u32 [maxSequences]: the last id that was drawn for each slot */
  readonly sampled: GPUBuffer
  /** u32 [maxLogitRows, resultWords] */
  readonly results: GPUBuffer
  /** f32 [maxLogitRows, vocab] */
  readonly logits: GPUBuffer
  /** f32 [maxSequences, vocab]: logits with biases, penalties and masks, for steps that ask for any */
  readonly adjusted: GPUBuffer
  /** u32 [maxSequences, vocab]: how often the answer in a slot has an id; the top bit: its prompt has it */
  readonly counts: GPUBuffer
  /** f32 [tokens, hidden]: the residual stream */
  readonly x: GPUBuffer
  /** f32 [tokens, hidden] */
  readonly normed: GPUBuffer
  /** f32 [tokens, (heads + 2 kv heads) · head dim] */
  readonly qkv: GPUBuffer
  /** f32 [tokens, heads, head dim] */
  readonly q: GPUBuffer
  /** f32 [tokens, heads, head dim] */
  readonly attended: GPUBuffer
  /** f32 [maxSequences, heads, splits, 4 + head dim] */
  readonly partials: GPUBuffer
  /** f32 [tokens, intermediate] */
  readonly activated: GPUBuffer
  /** f32 [tokens, 2 intermediate]; of no size where gate and up share a tensor type in every layer */
  readonly gateUp: GPUBuffer
  /** f32 [maxLogitRows, hidden]: rows of x that need logits */
  readonly last: GPUBuffer
  /** f32 [maxLogitRows, hidden] */
  readonly lastNormed: GPUBuffer
}

function paddedRows(rows: number): number {
  return Math.ceil(rows / 8) * 8
}

export function createActivations(
  gpu: GpuDevice,
  config: ModelConfig,
  limits: RunnerLimits,
  layout: BatchLayout,
  mixedGateUp: boolean,
): Activations {
  const { heads, kvHeads, headDim, intermediate } = config
  const { maxSequences, maxLogitRows, maxContext, vocabSize } = limits
  const tokens = paddedRows(limits.maxBatchTokens)
  const logitRows = paddedRows(maxLogitRows)
  const hidden = paddedColumns(config.hidden)
  const splits = Math.ceil(maxContext / splitSize)
  const words = (label: string, count: number) => gpu.storage(label, 4 * count)
  return {
    batch: words('batch, u32', layout.words),
    sampled: words('sampled ids, u32 [sequences]', maxSequences),
    results: words('results, u32 [rows, words]', resultWords * maxLogitRows),
    logits: words('logits, f32 [rows, vocab]', logitRows * vocabSize),
    adjusted: words('adjusted logits, f32 [sequences, vocab]', maxSequences * vocabSize),
    counts: words('id counts, u32 [sequences, vocab]', maxSequences * vocabSize),
    x: words('residual stream, f32 [tokens, hidden]', tokens * hidden),
    normed: words('normed, f32 [tokens, hidden]', tokens * hidden),
    qkv: words(
      'qkv, f32 [tokens, (heads + 2 kv heads) · head dim]',
      tokens * (heads + 2 * kvHeads) * headDim,
    ),
    q: words('q, f32 [tokens, heads, head dim]', tokens * heads * headDim),
    attended: words('attention, f32 [tokens, heads, head dim]', tokens * paddedColumns(heads * headDim)),
    partials: words('attention splits, f32', maxSequences * heads * splits * (headDim + 4)),
    activated: words('mlp, f32 [tokens, intermediate]', tokens * paddedColumns(intermediate)),
    gateUp: words('gate, up, f32 [tokens, 2 intermediate]', mixedGateUp ? tokens * 2 * intermediate : 0),
    last: words('rows with logits, f32 [rows, hidden]', logitRows * hidden),
    lastNormed: words('normed rows with logits, f32 [rows, hidden]', logitRows * hidden),
  }
}
