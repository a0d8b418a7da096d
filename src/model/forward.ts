import type { GpuDevice } from '../gpu/device'
import { prefillTile } from '../kernels/attention'
import { gatherRows } from '../kernels/embed'
import { kvBits } from '../kernels/kv-format'
import { adjustIdsPerLane, adjustLogits, logprobs, resultWords, sample } from '../kernels/sample'
import type { Invariance } from '../util/invariance'
import type { Precision } from '../util/precision'
import type { Activations } from './activations'
import { attentionIn } from './attention-in'
import type { BatchLayout, BatchShape } from './batch'
import type { LogitsDescription, ModelDescription } from './description'
import type { KvCache } from './kv-cache'
import { lazyParts } from './lazy-parts'
import { paddedColumns } from './matrix'
import {
  type LayerBuffers,
  type PartRows,
  type PlanContext,
  type SourceRows,
  tokensOf,
} from './parts/context'
import { planRows } from './parts/embedded'
import { planFeedForward } from './parts/feed-forward'
import { makesRows, manyTokens, normalizedRow } from './parts/made-rows'
import { planMixer } from './parts/mixer'
import { planNorm } from './parts/norm'
import type { PooledRows } from './parts/pooled'
import { planRescale } from './parts/rescaled'
import { type Plan, PlanBuilder } from './plan'
import type { MadeRow } from './product-steps'
import type { LayerState } from './state-copies'
import type { RunnerLimits } from './step'
import type { NormTensors } from './tensor-finder'
import type { LayerTensors, ModelTensors, SubLayerTensors } from './tensors'
import type { Variants } from './variants'
import type { ModelWeights } from './weights'

export interface ForwardOptions {
  readonly gpu: GpuDevice
  readonly description: ModelDescription
  readonly tensors: ModelTensors
  readonly weights: ModelWeights
  readonly cache: KvCache
  /** Of each layer; null: it keeps none. */
  readonly states: readonly (LayerState | null)[]
  readonly limits: RunnerLimits
  readonly layout: BatchLayout
  readonly activations: Activations
  /** Of a model that reads whole texts. */
  readonly pooled: PooledRows | null
  readonly variants: Variants
  readonly invariance: Invariance
  readonly precision: Precision
}

/** Tokens of a prefill tile: as many as a workgroup has lanes for, with one lane for each query head. */
export function prefillTileTokens({ layers }: ModelTensors, variants: Variants): number {
  const attention = attentionIn(layers)
  const mostHeads = Math.max(1, ...attention.map(({ heads, kvHeads }) => heads / kvHeads))
  return prefillTile(mostHeads, variants.attentionPrefill.most_lanes).tokens
}

/** The forward pass that a description and its tensors stand for, as a flat plan. */
export async function planForward(options: ForwardOptions): Promise<Plan> {
  const { gpu, description, tensors, weights, cache, states, limits, layout, variants, activations } = options
  const plan = new PlanBuilder(gpu, variants, options.invariance, activations.rounded)
  const context: PlanContext = {
    plan,
    weights,
    limits,
    layout,
    activations,
    variants,
    tileTokens: prefillTileTokens(tensors, variants),
    kvBits: kvBits[cache.format],
    hidden: description.hidden,
    stride: paddedColumns(description.hidden),
  }
  let stream = planEmbedding(context, description, tensors)
  if (tensors.layerInputs) lazyParts.layerInputs.fetched.planLayerInputs(context, tensors.layerInputs, stream)
  if (tensors.altUp) lazyParts.altUp.fetched.planStreams(context, tensors.altUp, stream)
  tensors.layers.forEach((layer, i) => {
    const buffers = { constants: weights.layers[i]!, kv: cache.layers[i]!, state: states[i]! }
    stream = planLayer(context, layer, buffers, stream)
  })
  if (tensors.altUp) lazyParts.altUp.fetched.planJoinedStream(context, tensors.altUp, stream)
  if (tensors.pooled && options.pooled) {
    const { finalNorm } = tensors
    const { normed } = activations
    plan.fillNoMore(normed)
    if (finalNorm) planNorm(context, finalNorm, { constants: weights.constants, from: stream, to: normed })
    lazyParts.pooled.fetched.planPooled(context, tensors.pooled, options.pooled, finalNorm ? normed : stream)
  } else if (description.logits) planLogits(context, description.logits, tensors, stream)
  return plan.build()
}

/** Writes the first rows of the stream. */
function planEmbedding(
  context: PlanContext,
  { embedding }: ModelDescription,
  tensors: ModelTensors,
): GPUBuffer {
  const { weights, activations, layout } = context
  const [first, second] = activations.streams
  planRows(context, weights.matrix(tensors.embedding), {
    idsAt: layout.ids,
    scale: embedding.scale,
    to: first,
  })
  if (embedding.positions && tensors.positions) {
    const { offset } = embedding.positions
    planRows(context, weights.matrix(tensors.positions), {
      idsAt: layout.positions,
      offset,
      adds: true,
      to: first,
    })
  }
  if (tensors.types) {
    planRows(context, weights.matrix(tensors.types), { idsAt: layout.types, adds: true, to: first })
  }
  if (!tensors.embeddingNorm) return first
  planNorm(context, tensors.embeddingNorm, { constants: weights.constants, from: first, to: second })
  return second
}

/** Parts whose products do not make their rows themselves: they read them several times, or not as they are. */
const wantRows: ReadonlySet<string> = new Set(['experts', 'laurel'])

/** The layer's dispatches; in which buffer the stream is after them. */
function planLayer(
  context: PlanContext,
  layer: LayerTensors,
  buffers: LayerBuffers,
  stream: GPUBuffer,
): GPUBuffer {
  const { plan, activations } = context
  const { normed, normedToo } = activations
  const { constants } = buffers
  const rowsOf = (
    norm: NormTensors | null,
    from: GPUBuffer,
    to: GPUBuffer,
    readers: readonly { readonly kind: string }[],
    /** All of them read their rows before one of them has changed `from`. */
    readsFirst: boolean,
  ): SourceRows => {
    if (!norm) return { from, made: null }
    const may = readsFirst && readers.every(({ kind }) => !wantRows.has(kind))
    const rounding = may && plan.inBytes && makesRows(context, norm.width, 'roundedNorms')
    // Products that take rounded rows read those in `to` where what rounds them does not make them.
    const product = may && plan.inBytes === rounding && makesRows(context, norm.width, 'ownNorms')
    const rows = { constants, from, to, count: product ? manyTokens : tokensOf }
    const fill = () => planNorm(context, norm, rows)
    plan.fillNoMore(to)
    if (rounding) plan.fillLater(to, fill)
    else fill()
    const by: MadeRow['by'] = [
      ...(product ? ['product' as const] : []),
      ...(rounding ? ['rounding' as const] : []),
    ]
    return { from: to, made: by.length > 0 ? normalizedRow(from, norm, by) : null }
  }
  const { altUp, mixer, laurel, feedForward, parallel, ownInput } = layer
  if (altUp) lazyParts.altUp.fetched.planPrediction(context, altUp, constants, stream)
  const readsWithMixer = parallel && !feedForward.norm
  const readers = laurel ? [...mixer.parts, { kind: 'laurel' }] : mixer.parts
  const forMixer = rowsOf(mixer.norm, stream, normed, readers, readsFirst(mixer) && !readsWithMixer)
  const besideMixer =
    parallel && feedForward.norm
      ? rowsOf(feedForward.norm, stream, normedToo, feedForward.parts, false)
      : forMixer
  const between = planHalf(context, mixer, buffers, forMixer, stream, planMixer)
  if (laurel) lazyParts.laurel.fetched.planLaurel(context, laurel, constants, forMixer.from, between)
  const forFeedForward = parallel
    ? besideMixer
    : rowsOf(feedForward.norm, between, normed, feedForward.parts, readsFirst(feedForward))
  const after = planHalf(context, feedForward, buffers, forFeedForward, between, planFeedForward)
  if (altUp) {
    plan.fillNoMore(normed)
    lazyParts.altUp.fetched.planCorrection(context, altUp, constants, after, normed)
  }
  if (ownInput) {
    const [from, places] = altUp
      ? [normed, lazyParts.altUp.fetched.laterStreams(context, altUp)]
      : [after, [{ to: after }]]
    lazyParts.layerInputs.fetched.planLayerInput(context, ownInput, constants, from, places)
  }
  if (layer.streamScaleAt !== null) {
    planRescale(context, { stream: after, constants, scale: { at: layer.streamScaleAt } })
  }
  return after
}

/** Whether the parts of a half read their rows before one of them adds to the stream: of several, the first one does at once. */
function readsFirst({ parts, outNorm }: SubLayerTensors<unknown>): boolean {
  return parts.length === 1 || outNorm !== null
}

/** Adds what the parts make of some rows to the stream. */
function planHalf<Part>(
  context: PlanContext,
  { parts, partScales, outNorm, streamNorm, scale }: SubLayerTensors<Part>,
  buffers: LayerBuffers,
  from: SourceRows,
  stream: GPUBuffer,
  planPart: (context: PlanContext, part: Part, buffers: LayerBuffers, rows: PartRows) => void,
): GPUBuffer {
  const { constants } = buffers
  const { scratch, streams } = context.activations
  parts.forEach((part, i) => {
    const own = partScales?.[i] ?? 1
    const rows = outNorm
      ? { to: scratch.part, adds: i > 0, scale: own }
      : { to: stream, adds: true, scale: own * scale }
    planPart(context, part, buffers, { ...rows, ...from })
  })
  if (outNorm) planNorm(context, outNorm, { constants, from: scratch.part, to: stream, adds: true, scale })
  if (!streamNorm) return stream
  const other = stream === streams[0] ? streams[1] : streams[0]
  planNorm(context, streamNorm, { constants, from: stream, to: other })
  return other
}

/** From the stream to logits, and from these to ids and log-probabilities. */
function planLogits(
  context: PlanContext,
  { scale, softCap }: LogitsDescription,
  tensors: ModelTensors,
  stream: GPUBuffer,
): void {
  const { plan, weights, activations, layout, limits, variants, stride } = context
  const { batch, sampled, results, logits, adjusted, counts, last, lastNormed } = activations
  const logitRows = (shape: BatchShape) => shape.logitRows
  const vocab = limits.vocabSize
  plan.add(gatherRows, {
    variant: { constants: { workgroup_size: variants.rowLanes } },
    buffers: { batch, x: stream, y: last },
    params: { rows_at: layout.logitRows, width: stride },
    shape: (shape) => (shape.logitRows > 0 ? { rows: shape.logitRows, width: stride } : null),
  })
  const { constants } = weights
  if (tensors.finalNorm) {
    planNorm(context, tensors.finalNorm, { constants, from: last, to: lastNormed, count: logitRows })
  }
  plan.multiply(weights.matrix(tensors.output), {
    x: tensors.finalNorm ? lastNormed : last,
    y: logits,
    yStride: vocab,
    constants,
    biasAt: tensors.outputBias,
    scale,
    cap: softCap,
    tokens: logitRows,
  })
  const samplerLanes = { workgroup_size: variants.samplerLanes }
  const sampleRows = ({ sampleRows: rows }: BatchShape) => (rows > 0 ? { rows, vocab } : null)
  plan.add(adjustLogits, {
    variant: { constants: { ...samplerLanes, ids_per_lane: adjustIdsPerLane } },
    buffers: { logits, batch, counts, adjusted },
    params: { vocab, settings_at: layout.settings },
    shape: (shape) => (shape.adjusts ? sampleRows(shape) : null),
  })
  for (const from of [logits, adjusted]) {
    plan.add(sample, {
      variant: { constants: samplerLanes },
      buffers: { logits: from, batch, results, sampled, counts },
      params: { vocab, settings_at: layout.settings, result_words: resultWords },
      shape: (shape) => (shape.adjusts === (from === adjusted) ? sampleRows(shape) : null),
    })
  }
  plan.add(logprobs, {
    variant: { constants: samplerLanes },
    buffers: { logits, batch, results },
    params: { vocab, targets_at: layout.targets, result_words: resultWords },
    shape: (shape) => (shape.wantsLogprobs ? { rows: shape.logitRows, vocab } : null),
  })
}
