import type { DeviceInfo } from '../gpu/device'

/** The points of each kernel's table that a device uses; the numbers that tune, and nothing that changes a result. */
export interface Variants {
  readonly name: 'lanes-own-rows' | 'subgroups-share-activations' | 'lanes-share-rows'
  /** Matrix products pass activations on between lanes; takes `subgroups`, of eight lanes at least. */
  readonly subgroups: boolean
  readonly matvec: { readonly workgroup_size: number; readonly segment_lanes: 1 | 8 }
  readonly matmul: { readonly workgroup_size: number; readonly rows_per_lane: number }
  /** Tokens that a lane of a matrix product takes: four, and more where there are more of them. */
  readonly tokensPerLane: 4 | 8
  /** Lanes of kernels that walk a row or a vector. */
  readonly rowLanes: number
  /** Lanes of kernels that walk one head of one token. */
  readonly headLanes: number
  readonly attentionLanes: number
  /** Query heads of a kv head that one workgroup of decode attention serves, at most. */
  readonly attentionHeads: number
  /** Lanes of a prefill tile: tokens × query heads a kv head, at most this. */
  readonly prefillLanes: number
  readonly samplerLanes: number
}

/** A CPU driver runs a lane as a SIMD lane: many rows a lane, few lanes, no barriers (the universal point). */
export const software: Variants = {
  name: 'lanes-own-rows',
  subgroups: false,
  matvec: { workgroup_size: 16, segment_lanes: 1 },
  matmul: { workgroup_size: 16, rows_per_lane: 8 },
  tokensPerLane: 4,
  rowLanes: 32,
  headLanes: 8,
  attentionLanes: 8,
  attentionHeads: 4,
  prefillLanes: 48,
  samplerLanes: 64,
}

/** The same where lanes can pass values on, which costs a CPU driver less than a load in each lane. */
export const softwareWithSubgroups: Variants = {
  ...software,
  name: 'subgroups-share-activations',
  subgroups: true,
  matmul: { workgroup_size: 16, rows_per_lane: 4 },
  tokensPerLane: 8,
}

/** A GPU wants many lanes with little work each. */
export const hardware: Variants = {
  name: 'lanes-share-rows',
  subgroups: false,
  matvec: { workgroup_size: 64, segment_lanes: 8 },
  matmul: { workgroup_size: 64, rows_per_lane: 4 },
  tokensPerLane: 4,
  rowLanes: 128,
  headLanes: 32,
  attentionLanes: 64,
  attentionHeads: 8,
  prefillLanes: 64,
  samplerLanes: 256,
}

/** Whether the device runs variants with `subgroups`. */
export function canShare({
  features,
  subgroupMinSize,
}: Pick<DeviceInfo, 'features' | 'subgroupMinSize'>): boolean {
  return features.includes('subgroups') && subgroupMinSize !== null && subgroupMinSize >= 8
}

/** In the order in which they are to be tried; the last one is universal. */
export function chooseVariants(info: DeviceInfo): readonly Variants[] {
  if (!info.isFallbackAdapter) return [hardware, software]
  return canShare(info) ? [softwareWithSubgroups, software] : [software]
}
