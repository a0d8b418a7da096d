import {
  attentionCombine,
  attentionDecode,
  attentionPrefill,
  decodeHeads,
  prefillTile,
  splitSize,
  visibleSplits,
} from '../../kernels/attention'
import { plainHeads } from '../../kernels/heads'
import { fusedRow, ropeKv } from '../../kernels/rope-kv'
import type { BatchShape } from '../batch'
import { unsupported } from '../config-reader'
import type { AttentionDescription } from '../description'
import { floatTypes } from '../float-matrix'
import { blockSize } from '../kv-cache'
import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { ScratchWidths } from '../scratch'
import { type LayerBuffers, type PartRows, type PlanContext, tokensOf } from './context'
import type { PartPlace } from './place'

/** Attention over the KV cache (Vaswani et al. 2017, arXiv:1706.03762), with the tensors of one layer. */
export interface AttentionTensors extends AttentionDescription {
  /** Q, K and V, concatenated where their types agree. */
  readonly projected: readonly MatrixSource[]
  readonly projectedBias: number | null
  readonly outputMatrix: MatrixSource
  readonly outputBias: number | null
  /** Where the layer's constants have f32 [32, heads]: what is added to scores by distance. */
  readonly positionBiasAt: number | null
}

/** Of distances, see shaders/lib/position_bias.wgsl. */
const positionBuckets = 32

export function findAttention(place: PartPlace, attention: AttentionDescription): AttentionTensors {
  const { find, constants, hidden, name } = place
  const { projections, output, heads, headDim, bidirectional = false, positionBias = null } = attention
  // Until the kernels take them.
  const { headNorm, window, softCap, sinks } = attention
  if (headNorm ?? softCap ?? sinks ?? (bidirectional ? null : window))
    throw unsupported('This attention is not supported yet.')
  return {
    ...attention,
    projected: find.matrix(
      `${name} qkv`,
      projections.map(({ stem, rows }) => [stem, rows]),
      hidden,
    ),
    projectedBias: find.biases(projections, constants),
    outputMatrix: find.matrix(`${name} output`, [[output.stem, hidden]], heads * headDim)[0]!,
    outputBias: find.biases([output], constants),
    positionBiasAt:
      positionBias === null
        ? null
        : constants.add(
            find.typed(`${positionBias}.weight`, [...floatTypes], [positionBuckets, heads]),
            positionBuckets * heads,
          ),
  }
}

export function attentionScratch({ projections, heads, headDim }: AttentionTensors): ScratchWidths {
  return {
    projected: projections.reduce((sum, { rows }) => sum + rows, 0),
    query: heads * headDim,
    attended: paddedColumns(heads * headDim),
  }
}

export function planAttention(
  context: PlanContext,
  tensors: AttentionTensors,
  { kv, constants }: LayerBuffers,
  rows: PartRows,
): void {
  const { plan, weights, activations, layout, limits, variants, kvBits, tileTokens } = context
  const { batch, partials } = activations
  const { projected: qkv, query: q, attended } = activations.scratch
  const { heads, kvHeads, headDim, rope, bidirectional = false, window, positionBiasAt } = tensors
  if (kv === null) throw new Error('attention has a cache')
  const width = (heads + 2 * kvHeads) * headDim
  const attendedStride = paddedColumns(heads * headDim)
  let yOffset = 0
  for (const source of tensors.projected) {
    plan.multiply(weights.matrix(source), {
      x: rows.from,
      constants,
      y: qkv,
      yStride: width,
      yOffset,
      biasAt: tensors.projectedBias === null ? null : tensors.projectedBias + yOffset,
      tokens: tokensOf,
    })
    yOffset += source.rows
  }
  const head = {
    ...plainHeads.constants,
    head_dim: headDim,
    value_dim: headDim,
    heads,
    kv_heads: kvHeads,
    block_size: blockSize,
    kv_bits: kvBits,
    split_size: splitSize,
    causal: bidirectional ? 0 : 1,
    window: window ?? 0,
  }
  const values_at = kv.valuesAtBytes / 4
  const conditions = { subgroups: variants.subgroups }
  plan.add(ropeKv, {
    variant: {
      constants: { ...head, workgroup_size: variants.headLanes, rope_dim: rope?.dim ?? 0 },
      conditions: { rope_halves: rope?.pairs === 'halves' },
    },
    // Where nothing turns, no angle is read.
    buffers: { qkv, rope: rope ? weights.rope(rope) : constants, batch, constants, q, cache: kv.buffer },
    params: {
      ...plainHeads.params,
      ...fusedRow(head),
      positions_at: layout.positions,
      slots_at: layout.slots,
      values_at,
      rope_quads: headDim / 4,
      scale: tensors.scale,
    },
    shape: ({ tokens }) => ({ tokens }),
  })
  const cacheParams = { ...plainHeads.params, tables_at: layout.tables, values_at }
  const splits = visibleSplits(limits.maxContext, head.window)
  // A text that is read whole has no token that comes alone.
  if (!bidirectional) {
    plan.add(attentionDecode, {
      variant: {
        constants: {
          ...head,
          workgroup_size: variants.attentionLanes,
          most_heads: decodeHeads(variants.attentionHeads, headDim, variants.attentionLanes),
        },
        conditions,
      },
      buffers: { q, cache: kv.buffer, batch, partials },
      params: { ...cacheParams, tiles_at: layout.decodeTiles, splits },
      shape: ({ decode }) => (decode.tiles > 0 ? tileShape(decode) : null),
    })
    plan.add(attentionCombine, {
      variant: { constants: { ...head, workgroup_size: 16 } },
      buffers: { partials, batch, constants, y: attended },
      params: { ...cacheParams, tiles_at: layout.decodeTiles, splits, y_stride: attendedStride / 4 },
      shape: ({ decode }) => (decode.tiles > 0 ? tileShape(decode) : null),
    })
  }
  plan.add(attentionPrefill, {
    variant: {
      constants: {
        ...head,
        workgroup_size: prefillTile(heads / kvHeads, variants.prefillLanes, tileTokens).lanes,
        most_heads: variants.prefillLanes,
      },
      conditions: { ...conditions, position_bias: positionBiasAt !== null },
    },
    buffers: { q, cache: kv.buffer, batch, constants, y: attended },
    params: {
      ...cacheParams,
      tiles_at: layout.prefillTiles,
      y_stride: attendedStride / 4,
      bias_at: positionBiasAt ?? 0,
    },
    shape: ({ prefill }) => (prefill.tiles > 0 ? tileShape(prefill) : null),
  })
  plan.multiply(weights.matrix(tensors.outputMatrix), {
    x: attended,
    constants,
    y: rows.to,
    yStride: context.stride,
    biasAt: tensors.outputBias,
    scale: rows.scale,
    residual: rows.adds,
    tokens: tokensOf,
  })
}

function tileShape({ tiles, tokens, maxContext, contextTokens }: BatchShape['decode']) {
  return { tiles, tokens, maxContext, contextTokens }
}
