import {
  attentionCombine,
  attentionDecode,
  attentionPrefill,
  decodeHeads,
  prefillTile,
  splitSize,
  visibleSplits,
} from '../src/kernels/attention'
import { plainHeads } from '../src/kernels/heads'
import { kvBits, kvRegionWords } from '../src/kernels/kv-format'
import { fusedRow, ropeKv } from '../src/kernels/rope-kv'
import { blockSize } from '../src/model/kv-cache'
import type { Variants } from '../src/model/variants'
import type { KvFormat } from '../src/util/kv-format'
import { type KernelCase, kernelCase } from './kernel-case'
import { type ModelShape, promptTokens } from './kernel-shapes'

const contextTokens = 1024

/** What the kernels of a model's heads are compiled with. */
export function headNumbers({ heads, kvHeads, headDim }: ModelShape, format: KvFormat, window = 0) {
  return {
    ...plainHeads.constants,
    window,
    head_dim: headDim,
    value_dim: headDim,
    heads,
    kv_heads: kvHeads,
    block_size: blockSize,
    kv_bits: kvBits[format],
    split_size: splitSize,
  }
}

/** Decode at a long context, and the last tiles of a prompt of that length. */
export function attentionCases(
  model: ModelShape,
  variants: Variants,
  format: KvFormat,
  window = 0,
): KernelCase[] {
  const { heads, kvHeads, headDim } = model
  const head = headNumbers(model, format, window)
  const blocks = contextTokens / blockSize
  const table = Uint32Array.from({ length: blocks }, (_, i) => (5 * i) % blocks)
  const values_at = blocks * kvHeads * kvRegionWords(format, headDim, blockSize)
  const cache = 2 * values_at
  const splits = visibleSplits(contextTokens, window)
  const context = { maxContext: contextTokens }
  const { attentionDecode: decodePoint, attentionPrefill: prefillPoint } = variants
  const what = `context ${contextTokens}${window > 0 ? `, window ${window}` : ''}, ${format}`

  const decode = { tiles: 1, tokens: 1, contextTokens, ...context }
  const partials = heads * splits * (4 + headDim)
  const batch = Uint32Array.from([0, 1, contextTokens - 1, 0, contextTokens, ...table])
  const cacheParams = { ...plainHeads.params, tiles_at: 0, tables_at: 5, values_at }
  const operations = 4 * heads * headDim * (window || contextTokens)

  const tile = prefillTile(heads / kvHeads, prefillPoint.most_lanes)
  const first = contextTokens - promptTokens
  const tiles: number[] = []
  for (let done = 0; done < promptTokens; done += tile.tokens) {
    tiles.push(done, Math.min(tile.tokens, promptTokens - done), first + done, 0, contextTokens)
  }
  const count = tiles.length / 5
  return [
    kernelCase(attentionDecode, what, operations, {
      variant: {
        constants: {
          ...head,
          workgroup_size: decodePoint.workgroup_size,
          most_heads: decodeHeads(decodePoint.most_heads, headDim, decodePoint.workgroup_size),
        },
        conditions: { subgroups: decodePoint.subgroups },
      },
      buffers: { q: heads * headDim, cache, batch, partials },
      params: { ...cacheParams, splits },
      shape: decode,
    }),
    kernelCase(attentionCombine, what, null, {
      variant: { constants: { ...head, workgroup_size: 16 } },
      buffers: { partials, batch, constants: 4, y: heads * headDim },
      params: { ...cacheParams, splits, y_stride: (heads * headDim) / 4 },
      shape: decode,
    }),
    kernelCase(attentionPrefill, `${what}, × ${promptTokens}`, operations * promptTokens, {
      variant: {
        constants: { ...head, workgroup_size: tile.lanes, most_heads: prefillPoint.most_lanes },
        conditions: { subgroups: prefillPoint.subgroups },
      },
      buffers: {
        q: promptTokens * heads * headDim,
        cache,
        batch: Uint32Array.from([...tiles, ...table]),
        constants: 4,
        y: promptTokens * heads * headDim,
      },
      params: { ...cacheParams, tables_at: tiles.length, y_stride: (heads * headDim) / 4 },
      shape: { tiles: count, tokens: promptTokens, contextTokens: count * contextTokens, ...context },
    }),
    kernelCase(ropeKv, `${format}, × 1`, null, {
      variant: { constants: { ...head, rope_dim: headDim, workgroup_size: variants.headLanes } },
      buffers: {
        qkv: (heads + 2 * kvHeads) * headDim,
        rope: headDim,
        batch: new Uint32Array(4),
        constants: 4,
        q: heads * headDim,
        cache,
      },
      params: {
        ...cacheParams,
        ...fusedRow(head),
        positions_at: 0,
        slots_at: 1,
        rope_quads: headDim / 4,
        scale: 1,
      },
      shape: { tokens: 1 },
    }),
  ]
}
