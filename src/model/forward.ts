import type { GpuDevice } from '../gpu/device'
import { activates } from '../kernels/activation'
import {
  attentionCombine,
  attentionDecode,
  attentionPrefill,
  prefillTileLanes,
  ropeKv,
  splitSize,
} from '../kernels/attention'
import { embed, gatherRows } from '../kernels/embed'
import { gated, gatesInRow } from '../kernels/gated'
import { kvBits } from '../kernels/kv-format'
import { norm as normKernel } from '../kernels/norm'
import { adjustIdsPerLane, adjustLogits, logprobs, resultWords, sample } from '../kernels/sample'
import { reads } from '../kernels/weights/format'
import type { Invariance } from '../util/invariance'
import type { Activations } from './activations'
import type { BatchLayout, BatchShape } from './batch'
import type { ModelConfig } from './config'
import { blockSize, type KvCache } from './kv-cache'
import { matrixBytes, paddedColumns } from './matrix'
import { type Plan, PlanBuilder } from './plan'
import type { RunnerLimits } from './step'
import type { Variants } from './variants'
import type { ModelWeights } from './weights'

export interface ForwardOptions {
  readonly gpu: GpuDevice
  readonly config: ModelConfig
  readonly weights: ModelWeights
  readonly cache: KvCache
  readonly limits: RunnerLimits
  readonly layout: BatchLayout
  readonly activations: Activations
  readonly variants: Variants
  readonly invariance: Invariance
}

/** Tokens of a prefill tile: as many as a workgroup has lanes for, with one lane for each query head. */
export function prefillTileTokens(config: ModelConfig, variants: Variants): number {
  return Math.max(1, Math.floor(variants.prefillLanes / (config.heads / config.kvHeads)))
}

/** The forward pass of a llama-like decoder as a flat plan; nine dispatches a layer in decode. */
export async function planForward(options: ForwardOptions): Promise<Plan> {
  const { gpu, config, weights, cache, limits, layout, variants, activations } = options
  const { batch, sampled, results, logits, adjusted, counts } = activations
  const { x, normed, qkv, q, attended, partials, activated, gateUp, last, lastNormed } = activations
  const { hidden, heads, kvHeads, headDim, intermediate } = config
  const stride = paddedColumns(hidden)
  const attentionStride = paddedColumns(heads * headDim)
  const mlpStride = paddedColumns(intermediate)
  const qkvWidth = (heads + 2 * kvHeads) * headDim
  const splits = Math.ceil(limits.maxContext / splitSize)
  const plan = new PlanBuilder(gpu, variants, options.invariance)
  const tokens = (shape: BatchShape) => shape.tokens
  const rowLanes = { workgroup_size: variants.rowLanes }
  const norm = (from: GPUBuffer, to: GPUBuffer, weight: GPUBuffer, offset: number, count = tokens) =>
    plan.add(normKernel, {
      variant: { constants: rowLanes, conditions: { weighted: true } },
      buffers: { x: from, constants: weight, y: to },
      params: {
        width: hidden,
        x_stride: stride,
        x_offset: 0,
        y_stride: stride,
        y_offset: 0,
        weight_offset: offset,
        weight_stride: 0,
        bias_offset: 0,
        eps: config.normEpsilon,
        scale: 1,
      },
      shape: (shape) => (count(shape) > 0 ? { tokens: count(shape), width: hidden } : null),
    })

  for (const shard of weights.embedding.shards) {
    const { format, groups } = weights.embedding
    plan.add(embed, {
      variant: { ...reads(format), constants: rowLanes },
      buffers: { weights: shard.buffer, batch, sampled, y: x },
      params: {
        ids_at: layout.ids,
        id_offset: 0,
        first_row: shard.firstRow,
        rows: shard.rows,
        groups,
        ...shard.planes,
        scale: 1,
      },
      shape: (shape) => ({
        tokens: shape.tokens,
        rowBytes: matrixBytes(weights.embedding) / weights.embedding.rows,
        hidden,
      }),
    })
  }

  const kv_bits = kvBits[cache.format]
  const head = { head_dim: headDim, heads, kv_heads: kvHeads, block_size: blockSize, kv_bits }
  const values_at = cache.valuesAtBytes / 4
  const conditions = { subgroups: variants.subgroups }
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
      variant: {
        constants: {
          ...head,
          workgroup_size: variants.headLanes,
          half_quads: config.ropePairs === 'halves' ? config.ropeDim / 8 : 0,
        },
      },
      buffers: { qkv, rope: weights.rope, batch, q, cache: kv },
      params: {
        positions_at: layout.positions,
        slots_at: layout.slots,
        values_at,
        scale: 1 / Math.sqrt(headDim),
      },
      shape: (shape) => ({ tokens: shape.tokens }),
    })
    const cacheParams = { tables_at: layout.tables, values_at }
    plan.add(attentionDecode, {
      variant: {
        constants: {
          ...head,
          workgroup_size: variants.attentionLanes,
          split_size: splitSize,
          most_heads: variants.attentionHeads,
        },
        conditions,
      },
      buffers: { q, cache: kv, batch, partials },
      params: { ...cacheParams, tiles_at: layout.decodeTiles, splits },
      shape: ({ decode }) => (decode.tiles > 0 ? decodeShape(decode) : null),
    })
    plan.add(attentionCombine, {
      variant: { constants: { workgroup_size: 16, head_dim: headDim, heads, split_size: splitSize } },
      buffers: { partials, batch, y: attended },
      params: { tiles_at: layout.decodeTiles, splits, y_stride: attentionStride / 4 },
      shape: ({ decode }) => (decode.tiles > 0 ? decodeShape(decode) : null),
    })
    plan.add(attentionPrefill, {
      variant: {
        constants: {
          ...head,
          workgroup_size: prefillTileLanes(tileTokens, heads / kvHeads),
          split_size: splitSize,
        },
        conditions,
      },
      buffers: { q, cache: kv, batch, y: attended },
      params: { ...cacheParams, tiles_at: layout.prefillTiles, y_stride: attentionStride / 4 },
      shape: ({ prefill }) => (prefill.tiles > 0 ? decodeShape(prefill) : null),
    })
    plan.multiply(layer.attentionOutput, { x: attended, y: x, yStride: stride, residual: true, tokens })
    norm(x, normed, layer.constants, hidden)
    if (layer.gateUp.length === 1) {
      plan.multiply(layer.gateUp[0]!, { x: normed, y: activated, yStride: mlpStride, gated: true, tokens })
    } else {
      plan.multiply(layer.gateUp[0]!, { x: normed, y: gateUp, yStride: 2 * intermediate, tokens })
      plan.multiply(layer.gateUp[1]!, {
        x: normed,
        y: gateUp,
        yStride: 2 * intermediate,
        yOffset: intermediate,
        tokens,
      })
      const { constants, params } = activates({ kind: 'silu' })
      plan.add(gated, {
        variant: { constants: { ...rowLanes, ...constants } },
        buffers: { x: gateUp, constants: layer.constants, y: activated },
        params: { ...gatesInRow(intermediate), x_stride: 2 * intermediate, y_stride: mlpStride, ...params },
        shape: (shape) => ({ tokens: shape.tokens, width: intermediate }),
      })
    }
    plan.multiply(layer.down, { x: activated, y: x, yStride: stride, residual: true, tokens })
  })

  const logitRows = (shape: BatchShape) => shape.logitRows
  const vocab = limits.vocabSize
  plan.add(gatherRows, {
    variant: { constants: rowLanes },
    buffers: { batch, x, y: last },
    params: { rows_at: layout.logitRows, width: stride },
    shape: (shape) => (shape.logitRows > 0 ? { rows: shape.logitRows, width: stride } : null),
  })
  norm(last, lastNormed, weights.outputNorm, 0, logitRows)
  plan.multiply(weights.output, { x: lastNormed, y: logits, yStride: vocab, tokens: logitRows })
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
  return plan.build()
}

function decodeShape({ tiles, tokens, maxContext, contextTokens }: BatchShape['decode']) {
  return { tiles, tokens, maxContext, contextTokens }
}
