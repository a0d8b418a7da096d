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
import { valueDimOf } from '../attention-in'
import type { BatchShape } from '../batch'
import { blockSize } from '../kv-cache'
import { paddedColumns } from '../matrix'
import type { MadeRow } from '../product-steps'
import { pointAt, tacticOf } from '../variants'
import type { AttentionTensors } from './attention'
import type { LayerBuffers, PlanContext, SourceRows } from './context'
import { makesRows, mergedRow } from './made-rows'
import { planWrittenHeads } from './written-heads'

/** A row that is made as it is read for the batches of which `makes` says so. */
export interface MergedRow {
  readonly made: MadeRow
  readonly makes: (batch: BatchShape) => boolean
}

/** What every kernel of attention is compiled with. */
function headConstants({ kvBits }: PlanContext, tensors: AttentionTensors) {
  const { heads, kvHeads, headDim, window, causal, latent } = tensors
  return {
    ...plainHeads.constants,
    head_dim: headDim,
    value_dim: valueDimOf(tensors),
    latent: latent ? 1 : 0,
    heads,
    kv_heads: kvHeads,
    block_size: blockSize,
    kv_bits: kvBits,
    split_size: splitSize,
    window: window ?? 0,
    causal: causal ? 1 : 0,
  }
}

/**
 * From the stream's rows to what the heads give. The row that is made of it as the output product reads it, for a batch of one
 * token with few splits; null: it is not.
 */
export function planHeads(
  context: PlanContext,
  tensors: AttentionTensors,
  layer: LayerBuffers,
  rows: SourceRows,
): MergedRow | null {
  const { kv, constants } = layer
  const { plan, weights, activations, layout, limits, variants } = context
  const { batch, partials } = activations
  const { query: q, attended } = activations.scratch
  const { at, heads, kvHeads, headDim, softCap } = tensors
  if (kv === null) throw new Error('a layer with attention has a cache')
  const head = headConstants(context, tensors)
  planWrittenHeads(context, tensors, head, layer, rows)
  const splits = visibleSplits(limits.maxContext, head.window)
  const conditions = {
    softcap: softCap !== null,
    sinks: at.sinks !== null,
    position_bias: at.positionBias !== null,
  }
  const params = {
    tables_at: layout.tables,
    values_at: kv.valuesAtBytes / 4,
    splits,
    y_stride: paddedColumns(heads * head.value_dim) / 4,
    cap: softCap ?? 1,
    sinks_at: at.sinks ?? 0,
    bias_at: at.positionBias ?? 0,
  }
  const buffers = { q, cache: kv.buffer, batch, partials, constants, y: attended }
  const width = heads * head.value_dim
  const bytes = plan.takesBytes(weights.matrix(tensors.back.matrix))
  const making = bytes ? 'roundedSplits' : 'mergedSplits'
  const merges = !tensors.latent && !tensors.gate && makesRows(context, width, making)
  const makes = (batch: BatchShape) => mergesSplits(batch, head.window, variants[making])
  const decode = { ...params, tiles_at: layout.decodeTiles }
  const decodeShape = ({ decode: tile }: BatchShape) => (tile.tiles > 0 ? tileShape(tile) : null)
  // Where texts are read whole, no token comes alone, not even that of the shortest text.
  if (limits.maxSequences > 0) {
    const shape = `${heads} heads of ${headDim}, ${kvHeads} of K and V${head.window > 0 ? `, window ${head.window}` : ''}`
    const { workgroup_size, most_heads, subgroups } = pointAt(variants, 'attentionDecode', shape)
    plan.add(attentionDecode, {
      tactic: tacticOf('attentionDecode', shape),
      variant: {
        constants: {
          ...head,
          workgroup_size,
          most_heads: decodeHeads(most_heads, headDim, workgroup_size),
        },
        conditions: { ...conditions, subgroups },
      },
      buffers,
      params: decode,
      shape: decodeShape,
    })
    plan.add(attentionCombine, {
      variant: { constants: { ...head, workgroup_size: 16 }, conditions },
      buffers,
      params: decode,
      shape: (batch) => (merges && makes(batch) ? null : decodeShape(batch)),
    })
  }
  const { most_lanes, subgroups } = variants.attentionPrefill
  plan.add(attentionPrefill, {
    variant: {
      constants: {
        ...head,
        workgroup_size: prefillTile(heads / kvHeads, most_lanes, context.tileTokens).lanes,
        most_heads: most_lanes,
      },
      conditions: { ...conditions, subgroups },
    },
    buffers,
    params: { ...params, tiles_at: layout.prefillTiles },
    shape: ({ prefill }) => (prefill.tiles > 0 ? tileShape(prefill) : null),
  })
  if (!merges) return null
  return {
    made: mergedRow(activations, { constants: head, params: decode, sinks: conditions.sinks }, [
      bytes ? 'rounding' : 'product',
    ]),
    makes,
  }
}

function tileShape({ tiles, tokens, maxContext, contextTokens }: BatchShape['decode']) {
  return { tiles, tokens, maxContext, contextTokens }
}

/** Whether the row of a batch's only token is merged as it is read, since its splits are few. */
function mergesSplits({ tokens, decode }: BatchShape, window: number, mostSplits: number): boolean {
  return tokens === 1 && decode.tiles === 1 && visibleSplits(decode.maxContext, window) <= mostSplits
}
