import type { GpuDevice } from '../gpu/device'
import { attentionCombine, attentionDecode, attentionPrefill, ropeKv, splitSize } from '../kernels/attention'
import { embed, gatherRows } from '../kernels/embed'
import { rmsnorm } from '../kernels/rmsnorm'
import { logprobs, resultWords, sample } from '../kernels/sample'
import { swiglu } from '../kernels/swiglu'
import type { BatchLayout, BatchShape } from './batch'
import type { ModelConfig } from './config'
import { blockSize, type KvCache } from './kv-cache'
import { type Matrix, matrixBytes, paddedColumns } from './matrix'
import { type Plan, PlanBuilder } from './plan'
import type { RunnerLimits } from './step'
import type { Variants } from './variants'

/** Everything of a model that the forward pass reads. */
export interface ModelWeights {
  readonly embedding: Matrix
  readonly output: Matrix
  readonly layers: readonly {
    readonly qkv: readonly Matrix[]
    readonly attentionOutput: Matrix
    readonly gateUp: readonly Matrix[]
    readonly down: Matrix
    /** f32 [2, hidden]: the norm before attention, the norm before the MLP */
    readonly constants: GPUBuffer
  }[]
  /** f32 [hidden] */
  readonly outputNorm: GPUBuffer
  /** f32 [positions, head dim]: cosine and sine of each pair in turn */
  readonly rope: GPUBuffer
}

/** Buffers that live as long as the model and that every step writes anew. */
export interface StepBuffers {
  /** u32, see BatchLayout */
  readonly batch: GPUBuffer
  /** u32 [maxSequences]: the last id that was drawn for each slot */
  readonly sampled: GPUBuffer
  /** u32 [maxLogitRows, resultWords] */
  readonly results: GPUBuffer
  /** f32 [maxLogitRows, vocab] */
  readonly logits: GPUBuffer
}

/** Rows of a buffer that many-token kernels may touch: whole fours. */
function paddedRows(tokens: number): number {
  return Math.ceil(tokens / 4) * 4
}

export interface ForwardOptions {
  readonly gpu: GpuDevice
  readonly config: ModelConfig
  readonly weights: ModelWeights
  readonly cache: KvCache
  readonly limits: RunnerLimits
  readonly layout: BatchLayout
  readonly buffers: StepBuffers
  readonly variants: Variants
}

/** Tokens of a prefill tile: as many as a workgroup has lanes for, with one lane for each query head. */
export function prefillTileTokens(config: ModelConfig, variants: Variants): number {
  return Math.max(1, Math.floor(variants.prefillLanes / (config.heads / config.kvHeads)))
}

/** The forward pass of a llama-like decoder as a flat plan; nine dispatches a layer in decode. */
export async function planForward(options: ForwardOptions): Promise<Plan> {
  const { gpu, config, weights, cache, limits, layout, buffers, variants } = options
  const { hidden, heads, kvHeads, headDim, intermediate } = config
  const rows = paddedRows(limits.maxBatchTokens)
  const stride = paddedColumns(hidden)
  const attentionStride = paddedColumns(heads * headDim)
  const mlpStride = paddedColumns(intermediate)
  const qkvWidth = (heads + 2 * kvHeads) * headDim
  const splits = Math.ceil(limits.maxContext / splitSize)
  const f32 = (label: string, count: number) => gpu.storage(`${label}, f32`, 4 * count)

  const x = f32('residual stream [tokens, hidden]', rows * stride)
  const normed = f32('normed [tokens, hidden]', rows * stride)
  const qkv = f32('qkv [tokens, (heads + 2 kv heads) · head dim]', rows * qkvWidth)
  const q = f32('q [tokens, heads, head dim]', rows * heads * headDim)
  const attended = f32('attention [tokens, heads, head dim]', rows * attentionStride)
  const partials = f32('attention splits', limits.maxSequences * heads * splits * (headDim + 4))
  const activated = f32('mlp [tokens, intermediate]', rows * mlpStride)
  const mixedMlp = weights.layers.some((layer) => layer.gateUp.length > 1)
  const gateUp = f32('gate, up [tokens, 2 intermediate]', mixedMlp ? rows * 2 * intermediate : 4)
  const last = f32('rows with logits [rows, hidden]', paddedRows(limits.maxLogitRows) * stride)
  const lastNormed = f32('normed rows with logits', paddedRows(limits.maxLogitRows) * stride)

  const plan = new PlanBuilder(gpu, variants)
  const tokens = (batch: BatchShape) => batch.tokens
  const rowLanes = { workgroup_size: variants.rowLanes }
  const norm = (from: GPUBuffer, to: GPUBuffer, weight: GPUBuffer, offset: number, count = tokens) =>
    plan.add(rmsnorm, {
      variant: { constants: rowLanes },
      buffers: { x: from, weight, y: to },
      params: { hidden, stride, weight_offset: offset, eps: config.normEpsilon },
      shape: (batch) => (count(batch) > 0 ? { tokens: count(batch), hidden } : null),
    })

  for (const shard of weights.embedding.shards) {
    const { format, groups } = weights.embedding
    plan.add(embed, {
      variant: { constants: rowLanes, modules: { weights: `weights/${format.module}` } },
      buffers: { weights: shard.buffer, batch: buffers.batch, sampled: buffers.sampled, y: x },
      params: { ids_at: layout.ids, first_row: shard.firstRow, rows: shard.rows, groups, ...shard.planes },
      shape: (batch) => ({
        tokens: batch.tokens,
        rowBytes: matrixBytes(weights.embedding) / weights.embedding.rows,
        hidden,
      }),
    })
  }

  const head = { head_dim: headDim, heads, kv_heads: kvHeads, block_size: blockSize }
  const kvConditions = { kv_f32: cache.format === 'f32' }
  const cacheElementBytes = cache.elementBytes
  const tileTokens = prefillTileTokens(config, variants)
  weights.layers.forEach((layer, i) => {
    const kv = cache.layers[i]!
    norm(x, normed, layer.constants, 0)
    let yOffset = 0
    for (const matrix of layer.qkv) {
      plan.multiply(matrix, { x: normed, y: qkv, yStride: qkvWidth, yOffset, tokens })
      yOffset += matrix.rows
    }
    plan.add(ropeKv, {
      variant: { constants: { ...head, workgroup_size: variants.rowLanes }, conditions: kvConditions },
      buffers: { qkv, rope: weights.rope, batch: buffers.batch, q, cache: kv },
      params: {
        positions_at: layout.positions,
        slots_at: layout.slots,
        values_at: cache.valuesAt,
        scale: 1 / Math.sqrt(headDim),
      },
      shape: (batch) => ({ tokens: batch.tokens, cacheElementBytes }),
    })
    const cacheParams = { tables_at: layout.tables, values_at: cache.valuesAt }
    plan.add(attentionDecode, {
      variant: {
        constants: { ...head, workgroup_size: variants.attentionLanes, split_size: splitSize },
        conditions: kvConditions,
      },
      buffers: { q, cache: kv, batch: buffers.batch, partials },
      params: { ...cacheParams, tiles_at: layout.decodeTiles, splits },
      shape: ({ decode }) => (decode.tiles > 0 ? { ...decodeShape(decode), cacheElementBytes } : null),
    })
    plan.add(attentionCombine, {
      variant: { constants: { workgroup_size: 16, head_dim: headDim, heads, split_size: splitSize } },
      buffers: { partials, batch: buffers.batch, y: attended },
      params: { tiles_at: layout.decodeTiles, splits, y_stride: attentionStride / 4 },
      shape: ({ decode }) => (decode.tiles > 0 ? decodeShape(decode) : null),
    })
    plan.add(attentionPrefill, {
      variant: {
        constants: { ...head, workgroup_size: tileTokens * (heads / kvHeads), split_size: splitSize },
        conditions: kvConditions,
      },
      buffers: { q, cache: kv, batch: buffers.batch, y: attended },
      params: { ...cacheParams, tiles_at: layout.prefillTiles, y_stride: attentionStride / 4 },
      shape: ({ prefill }) => (prefill.tiles > 0 ? { ...decodeShape(prefill), cacheElementBytes } : null),
    })
    plan.multiply(layer.attentionOutput, { x: attended, y: x, yStride: stride, residual: true, tokens })
    norm(x, normed, layer.constants, hidden)
    if (layer.gateUp.length === 1) {
      plan.multiply(layer.gateUp[0]!, { x: normed, y: activated, yStride: mlpStride, swiglu: true, tokens })
    } else {
      plan.multiply(layer.gateUp[0]!, { x: normed, y: gateUp, yStride: 2 * intermediate, tokens })
      plan.multiply(layer.gateUp[1]!, {
        x: normed,
        y: gateUp,
        yStride: 2 * intermediate,
        yOffset: intermediate,
        tokens,
      })
      plan.add(swiglu, {
        variant: { constants: rowLanes },
        buffers: { x: gateUp, y: activated },
        params: { width: intermediate, y_stride: mlpStride },
        shape: (batch) => ({ tokens: batch.tokens, width: intermediate }),
      })
    }
    plan.multiply(layer.down, { x: activated, y: x, yStride: stride, residual: true, tokens })
  })

  const logitRows = (batch: BatchShape) => batch.logitRows
  const vocab = limits.vocabSize
  plan.add(gatherRows, {
    variant: { constants: rowLanes },
    buffers: { batch: buffers.batch, x, y: last },
    params: { rows_at: layout.logitRows, width: stride },
    shape: (batch) => (batch.logitRows > 0 ? { rows: batch.logitRows, width: stride } : null),
  })
  norm(last, lastNormed, weights.outputNorm, 0, logitRows)
  plan.multiply(weights.output, { x: lastNormed, y: buffers.logits, yStride: vocab, tokens: logitRows })
  const samplerLanes = { workgroup_size: variants.samplerLanes }
  plan.add(sample, {
    variant: { constants: samplerLanes },
    buffers: {
      logits: buffers.logits,
      batch: buffers.batch,
      results: buffers.results,
      sampled: buffers.sampled,
    },
    params: { vocab, settings_at: layout.settings, result_words: resultWords },
    shape: (batch) => (batch.sampleRows > 0 ? { rows: batch.sampleRows, vocab } : null),
  })
  plan.add(logprobs, {
    variant: { constants: samplerLanes },
    buffers: { logits: buffers.logits, batch: buffers.batch, results: buffers.results },
    params: { vocab, targets_at: layout.targets, result_words: resultWords },
    shape: (batch) => (batch.wantsLogprobs ? { rows: batch.logitRows, vocab } : null),
  })
  return plan.build()
}

function decodeShape({ tiles, tokens, maxContext, contextTokens }: BatchShape['decode']) {
  return { tiles, tokens, maxContext, contextTokens }
}
