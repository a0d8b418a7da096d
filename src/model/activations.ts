import type { GpuDevice } from '../gpu/device'
import { splitSize } from '../kernels/attention'
import { resultWords } from '../kernels/sample'
import { groupWeights } from '../kernels/weights/format'
import { attentionIn } from './attention-in'
import type { BatchLayout } from './batch'
import { createRoutes, type ExpertRoutes, type ProductRoutes, type Router } from './experts'
import { createHeadRoutes } from './head-routes'
import { paddedColumns } from './matrix'
import { splitWidth } from './room-limits'
import { groupWordsOf, type RoundedBuffer, type Rounding } from './rounded-rows'
import { type ScratchName, scratchWidths } from './scratch'
import type { RunnerLimits } from './step'
import type { ModelTensors } from './tensors'

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
  /**
   * f32 [tokens, hidden]: the residual stream; the second is of no size unless norms stand in the stream itself, which
   * then goes from one to the other.
   */
  readonly streams: readonly [GPUBuffer, GPUBuffer]
  /** f32 [tokens, hidden] */
  readonly normed: GPUBuffer
  /** As `normed`, of no size unless the halves of a layer read the same rows through norms of their own. */
  readonly normedToo: GPUBuffer
  /** f32 [tokens, width] */
  readonly scratch: Readonly<Record<ScratchName, GPUBuffer>>
  /** Layers with as many experts share theirs. */
  readonly routes: (of: Pick<Router, 'experts' | 'top'>) => ExpertRoutes
  /** f32 [maxSequences, heads, splits, 4 + value dim] */
  readonly partials: GPUBuffer
  /** By the number of heads that latent attention has. */
  readonly headRoutes: ReadonlyMap<number, ProductRoutes>
  /** u32 [tokens, groups, words]: x of a product as integers or as f16, where products take them; null: none does. */
  readonly rounded: RoundedBuffer | null
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
  tensors: ModelTensors,
  columns: number,
  limits: RunnerLimits,
  layout: BatchLayout,
  rounding: Rounding | null,
): Activations {
  const { maxSequences, maxLogitRows, maxContext, vocabSize } = limits
  const tokens = paddedRows(limits.maxBatchTokens)
  const logitRows = paddedRows(maxLogitRows)
  const hidden = paddedColumns(columns)
  const splits = Math.ceil(maxContext / splitSize)
  const words = (label: string, count: number) => gpu.storage(label, 4 * count)
  const rows = (label: string, width: number) => words(`${label}, f32 [tokens, ${width}]`, tokens * width)
  const { layers } = tensors
  const inStream = layers.some(({ mixer, feedForward }) => mixer.streamNorm || feedForward.streamNorm)
  const apart = layers.some(({ parallel, feedForward }) => parallel && feedForward.norm)
  const attention = attentionIn(layers)
  const latentHeads = new Set(attention.flatMap(({ heads, latent }) => (latent ? [heads] : [])))
  const widths = Object.entries(scratchWidths(tensors, hidden)) as [ScratchName, number][]
  return {
    batch: words('batch, u32', layout.words),
    sampled: words('sampled ids, u32 [sequences]', maxSequences),
    results: words('results, u32 [rows, words]', resultWords * maxLogitRows),
    logits: words('logits, f32 [rows, vocab]', logitRows * vocabSize),
    adjusted: words('adjusted logits, f32 [sequences, vocab]', maxSequences * vocabSize),
    counts: words('id counts, u32 [sequences, vocab]', maxSequences * vocabSize),
    streams: [
      rows('residual stream', hidden),
      rows('residual stream too', inStream || tensors.embeddingNorm ? hidden : 0),
    ],
    normed: rows('normed', hidden),
    normedToo: rows('normed too', apart ? hidden : 0),
    scratch: Object.fromEntries(widths.map(([name, width]) => [name, rows(name, width)])) as Record<
      ScratchName,
      GPUBuffer
    >,
    routes: allRoutes(tensors, limits.maxBatchTokens, words),
    headRoutes: new Map([...latentHeads].map((heads) => [heads, createHeadRoutes(gpu, heads, tokens)])),
    partials: words('attention splits, f32', maxSequences * splits * splitWidth(tensors)),
    rounded: rounding && {
      to: rounding,
      buffer: words(
        `x in ${rounding}, u32`,
        // A batch has no more sequences, whose pooled rows are multiplied, than tokens.
        Math.max(tokens, logitRows) * widestGroups(tensors, rounding) * groupWordsOf[rounding],
      ),
    },
    last: words('rows with logits, f32 [rows, hidden]', logitRows * hidden),
    lastNormed: words('normed rows with logits, f32 [rows, hidden]', logitRows * hidden),
  }
}

/** In the longest row of a matrix whose product may take rows that are rounded so. */
function widestGroups({ matrices }: ModelTensors, rounding: Rounding): number {
  const widths = matrices.map(({ columns, format }) =>
    rounding === 'f16' || format.integers ? paddedColumns(columns) / groupWeights : 0,
  )
  return Math.max(0, ...widths)
}

function allRoutes(
  { layers }: ModelTensors,
  maxTokens: number,
  words: (label: string, count: number) => GPUBuffer,
): Activations['routes'] {
  const made: ExpertRoutes[] = []
  const find: (of: Pick<Router, 'experts' | 'top'>) => ExpertRoutes | undefined = ({ experts, top }) =>
    made.find((routes) => routes.experts === experts && routes.top === top)
  for (const part of layers.flatMap(({ feedForward }) => feedForward.parts)) {
    if (part.kind === 'experts' && !find(part.router)) made.push(createRoutes(part.router, maxTokens, words))
  }
  return (of) => {
    const routes = find(of)
    if (!routes) throw new Error('a part asks for routes that no layer has')
    return routes
  }
}
