import type { GpuDevice } from '../gpu/device'

/** Workgroup memory that a kernel takes beside the row that it makes, at most. */
const besideRowBytes = 2048

/** Whether a workgroup has room for a row of so many bytes, and for others beside it. */
export function hasRoomFor({ device }: GpuDevice, rowBytes: number, besideBytes = besideRowBytes): boolean {
  return rowBytes + besideBytes <= device.limits.maxComputeWorkgroupStorageSize
}
