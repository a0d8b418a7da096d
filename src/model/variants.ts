import type { DeviceInfo } from '../gpu/device'

/** The points of each kernel's table that a device uses; the numbers that tune, and nothing that changes a result. */
export interface Variants {
  readonly name: 'lanes-own-rows' | 'lanes-share-rows'
  readonly matvec: { readonly workgroup_size: number; readonly segment_lanes: 1 | 8 }
  readonly matmul: { readonly workgroup_size: number; readonly rows_per_lane: number }
  /** Lanes of kernels that walk a row or a vector. */
  readonly rowLanes: number
  readonly attentionLanes: number
  /** Lanes of a prefill tile: tokens × query heads a kv head, at most this. */
  readonly prefillLanes: number
  readonly samplerLanes: number
}

/** A CPU driver runs a lane as a SIMD lane: many rows a lane, few lanes, no barriers (the universal point). */
export const software: Variants = {
  name: 'lanes-own-rows',
  matvec: { workgroup_size: 16, segment_lanes: 1 },
  matmul: { workgroup_size: 16, rows_per_lane: 8 },
  rowLanes: 32,
  attentionLanes: 32,
  prefillLanes: 48,
  samplerLanes: 64,
}

/** A GPU wants many lanes with little work each. */
export const hardware: Variants = {
  name: 'lanes-share-rows',
  matvec: { workgroup_size: 64, segment_lanes: 8 },
  matmul: { workgroup_size: 64, rows_per_lane: 4 },
  rowLanes: 128,
  attentionLanes: 64,
  prefillLanes: 64,
  samplerLanes: 256,
}

/** In the order in which they are to be tried; the last one is universal. */
export function chooseVariants(info: DeviceInfo): readonly Variants[] {
  return info.isFallbackAdapter ? [software] : [hardware, software]
}
