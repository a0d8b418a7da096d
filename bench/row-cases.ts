import { halfRows, halfStride } from '../src/kernels/half-rows'
import { int8GroupWords, int8Rows } from '../src/kernels/int8-rows'
import { notMade } from '../src/kernels/matmul'
import { norm } from '../src/kernels/norm'
import { pool, poolings } from '../src/kernels/pool'
import type { Variants } from '../src/model/variants'
import { type KernelCase, kernelCase } from './kernel-case'
import { type ModelShape, promptTokens } from './kernel-shapes'

/** Words of rows in bytes. */
function bytesOf(tokens: number, columns: number): number {
  return (tokens * columns * int8GroupWords) / 32
}

const pooledTokens = 256

/** Kernels that walk one row. */
export function rowCases({ hidden }: ModelShape, variants: Variants): KernelCase[] {
  return [
    kernelCase(norm, '× 1', null, {
      variant: { constants: { workgroup_size: variants.rowLanes }, conditions: { weighted: true } },
      buffers: { x: hidden, constants: hidden, y: hidden },
      params: {
        width: hidden,
        x_stride: hidden,
        x_offset: 0,
        y_stride: hidden,
        y_offset: 0,
        weight_offset: 0,
        weight_stride: 0,
        bias_offset: 0,
        eps: 1e-5,
        scale: 1,
      },
      shape: { tokens: 1, width: hidden },
    }),
    kernelCase(halfRows, `× ${promptTokens}`, null, {
      variant: { constants: { workgroup_size: variants.headLanes } },
      buffers: { x: promptTokens * hidden, y: 4 * halfStride(hidden) * promptTokens },
      params: { x_stride: hidden / 4, x_offset: 0, groups: hidden / 32 },
      shape: { tokens: promptTokens, columns: hidden },
    }),
    ...[1, promptTokens].map((tokens) =>
      kernelCase(int8Rows, `× ${tokens}`, null, {
        variant: { constants: { workgroup_size: variants.headLanes } },
        buffers: { x: tokens * hidden, constants: 4, routes: 4, y: bytesOf(tokens, hidden) },
        params: { ...notMade, x_stride: hidden / 4, x_offset: 0, groups: hidden / 32 },
        shape: { tokens, columns: hidden },
      }),
    ),
    ...[1, promptTokens].map((tokens) =>
      kernelCase(int8Rows, `normalized × ${tokens}`, null, {
        variant: {
          constants: { workgroup_size: variants.rowLanes },
          conditions: { normalizes: true },
          moduleConstants: { row_quads: hidden / 4 },
        },
        buffers: { x: tokens * hidden, constants: hidden, routes: 4, y: bytesOf(tokens, hidden) },
        params: {
          ...{ ...notMade, norm_width: hidden, norm_eps: 1e-5 },
          ...{ x_stride: hidden / 4, x_offset: 0, groups: hidden / 32 },
        },
        shape: { tokens, columns: hidden, makes: true },
      }),
    ),
    kernelCase(pool, `mean of ${pooledTokens} rows`, null, {
      variant: {
        constants: { workgroup_size: variants.rowLanes, pooling: poolings.indexOf('mean') },
        conditions: { normalized: true },
      },
      buffers: { x: pooledTokens * hidden, batch: Uint32Array.of(0, pooledTokens), y: hidden },
      params: { sequences_at: 0, width: hidden, stride: hidden, y_stride: hidden },
      shape: { sequences: 1, tokens: pooledTokens, width: hidden },
    }),
  ]
}
