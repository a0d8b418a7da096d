import { ChunkStore } from './chunk-store'
import type { DiskSpace } from './disk-space'
import { type RequestContext, waitFor } from './request'

/** What the weights need of the browser, and how much they take of it; tests put parts of their own in. */
export interface Platform extends Omit<RequestContext, 'signal'> {
  /** Null where nothing can be kept. */
  readonly openStore: () => Promise<ChunkStore | null>
  /** Null where nobody says how much space there is. */
  readonly space: DiskSpace | null
  /** Size of the pieces that files are fetched, hashed and kept in. */
  readonly chunkBytes: number
  /** Chunks that are fetched at the same time. */
  readonly parallel: number
  /** Chunks in memory at most; those that came early wait here for the file's hash, which is taken in order. */
  readonly mostHeld: number
}

export const browserPlatform: Platform = {
  fetch: (input, init) => fetch(input, init),
  wait: waitFor,
  stallMs: 30_000,
  openStore: () => ChunkStore.open(),
  space: globalThis.navigator?.storage ?? null,
  chunkBytes: 4 * 1024 * 1024,
  parallel: 6,
  mostHeld: 8,
}
