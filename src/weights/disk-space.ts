import { megabytes } from '../util/disk'
import { OctavoError } from '../util/octavo-error'

/** The part of `navigator.storage` that is used. */
export interface DiskSpace {
  estimate(): Promise<{ readonly quota?: number; readonly usage?: number }>
  /** Pages have it, workers do not. */
  persist?(): Promise<boolean>
}

const remedy = 'Free some space on the disk, clear this site’s data, or choose a smaller quantization.'

/**
 * Checks that what is missing fits the browser's quota, and asks it to keep what is stored.
 *
 * @throws OctavoError 'disk-full'
 */
export async function checkDiskSpace(space: DiskSpace, name: string, neededBytes: number): Promise<void> {
  const { quota, usage } = await space.estimate().catch(() => ({ quota: undefined, usage: undefined }))
  if (quota !== undefined && usage !== undefined && neededBytes > quota - usage) {
    const free = Math.max(0, quota - usage)
    throw new OctavoError(
      'disk-full',
      `${name} needs ${megabytes(neededBytes)} more on this device, but the browser has only ${megabytes(free)} free for this site.`,
      remedy,
    )
  }
  // Not granted is no fault: the browser may then evict the files when the disk runs full.
  await space.persist?.().catch(() => false)
}

export function diskFull(name: string, storedBytes: number, totalBytes: number, cause: unknown): OctavoError {
  return new OctavoError(
    'disk-full',
    `The disk is full: ${megabytes(storedBytes)} of ${name}’s ${megabytes(totalBytes)} are stored, and are kept.`,
    remedy,
    { cause },
  )
}
