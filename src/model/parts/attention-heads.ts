import {
  attentionCombine,
  attentionDecode,
  attentionPrefill,
  decodeHeads,
  prefillTile,
  splitSize,
  visibleSplits,
} from '../../kernels/attention'
import { headNormWeights, headNorm as normKinds, plainHeads } from '../../kernels/heads'
import { ropeKv } from '../../kernels/rope-kv'
import { valueDimOf } from '../attention-in'
import type { BatchShape } from '../batch'
import type { HeadLayout, HeadNormDescription } from '../description'
import { blockSize } from '../kv-cache'
import { paddedColumns } from '../matrix'
import { pointAt, tacticOf } from '../variants'
import type { AttentionTensors } from './attention'
import type { LayerBuffers, PlanContext } from './context'

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

/** From projected rows to what the heads give. */
export function planHeads(
  context: PlanContext,
  tensors: AttentionTensors,
  { kv, constants }: LayerBuffers,
): void {
  const { plan, activations, layout, limits, variants } = context
  const { batch, partials } = activations
  const { query: q, attended } = activations.scratch
  const { at, heads, kvHeads, headDim, softCap } = tensors
  if (kv === null) throw new Error('a layer with attention has a cache')
  const head = headConstants(context, tensors)
  planRopeKv(context, tensors, head, kv.valuesAtBytes / 4, { cache: kv.buffer, constants })
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
      shape: decodeShape,
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
}

/** Heads are normalized and turned; K and V go to the cache. */
function planRopeKv(
  { plan, weights, activations, layout, variants }: PlanContext,
  tensors: AttentionTensors,
  head: ReturnType<typeof headConstants>,
  values_at: number,
  buffers: { readonly cache: GPUBuffer; readonly constants: GPUBuffer },
): void {
  const { projected: qkv, query: q } = activations.scratch
  const { at, query, key, value, rope, headNorm, valueNorm, queryGrowth, headDim, latent } = tensors
  // Of a latent query the product has written all but what is rotated.
  const query_from = latent?.dim ?? 0
  plan.add(ropeKv, {
    variant: {
      constants: {
        ...head,
        workgroup_size: variants.headLanes,
        rope_dim: rope?.dim ?? 0,
        rope_from: query_from,
        query_from,
        writes_kv: tensors.sharesKvOf === null ? 1 : 0,
        ...(headNorm ? normConstants(headNorm) : {}),
        ...(latent ? latentNorm : {}),
      },
      conditions: {
        rope_halves: rope?.pairs === 'halves',
        norm_after_rope: headNorm?.afterRope ?? false,
        value_norm: valueNorm !== null,
        scales_by_position: queryGrowth !== null,
      },
    },
    // Where nothing turns, the table is not read.
    buffers: { ...buffers, qkv, rope: rope ? weights.rope(rope) : qkv, batch: activations.batch, q },
    params: {
      ...plainHeads.params,
      positions_at: layout.positions,
      slots_at: layout.slots,
      values_at,
      rope_quads: (rope?.headDim ?? headDim) / 4,
      row_quads: tensors.rowWidth / 4,
      ...quads('q', { ...query, first: query.first + (latent?.keyDim ?? 0) }),
      ...quads('k', key),
      ...quads('v', value),
      q_norm_at: at.queryNorm ?? 0,
      k_norm_at: latent?.norm.weightAt ?? at.keyNorm ?? 0,
      eps: latent?.norm.epsilon ?? headNorm?.epsilon ?? 0,
      value_eps: valueNorm ?? 0,
      scale: tensors.scale,
      scale_beta: queryGrowth?.beta ?? 0,
      scale_span: queryGrowth?.original ?? 1,
    },
    shape: ({ tokens }) => ({ tokens }),
  })
}

function quads<Name extends 'q' | 'k' | 'v'>(name: Name, { first, stride }: HeadLayout) {
  return { [`${name}_at`]: first / 4, [`${name}_stride`]: stride / 4 } as Record<
    `${Name}_at` | `${Name}_stride`,
    number
  >
}

const latentNorm = { norm: normKinds.rmsOfLatent, norm_weights: headNormWeights.shared }

function normConstants({ kind, over }: HeadNormDescription) {
  const each = kind === 'layer' ? normKinds.layerNorm : normKinds.rms
  return {
    norm: over === 'all' ? normKinds.rmsOfAll : each,
    norm_weights: over === 'head' ? headNormWeights.shared : headNormWeights.ofEachHead,
  }
}

function tileShape({ tiles, tokens, maxContext, contextTokens }: BatchShape['decode']) {
  return { tiles, tokens, maxContext, contextTokens }
}
