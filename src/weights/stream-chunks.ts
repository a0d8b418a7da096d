import type { WeightSink } from '../util/model-file'
import type { ChunkedFile } from './chunked-file'
import type { Platform } from './platform'
import { throwIfAborted } from './request'
import type { ByteProgress } from './types'

/** Takes a file's bytes in order. */
export interface Hasher {
  update(bytes: Uint8Array): unknown
}

const reportEveryMs = 100

/**
 * Sends the chunks of a file to a sink, several at a time and in any order, keeps those that came over the network, and
 * hands all of them to a hasher in order. Holds `mostHeld` chunks at most: a chunk that lies further ahead of the
 * hasher than that is not begun.
 */
export async function streamChunks(
  file: ChunkedFile,
  sink: WeightSink,
  hasher: Hasher | null,
  { parallel, mostHeld }: Pick<Platform, 'parallel' | 'mostHeld'>,
  options: { readonly signal: AbortSignal; readonly onProgress: (progress: ByteProgress) => void },
): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const progress = new ProgressReport(file.bytes, options.onProgress)
  const window = new OrderedWindow(file, hasher, mostHeld, signal)
  let next = 0
  const work = async () => {
    while (next < file.count) {
      const index = next++
      await window.enter(index)
      const onBytes = (count: number) => progress.reached(index, count, false)
      const { bytes, stored, fresh } = await file.chunk(index, () => window.buffer(index), signal, onBytes)
      throwIfAborted(signal)
      const kept = fresh ? file.keep(index, bytes) : undefined
      await Promise.all([kept, sink.write(index * file.chunkBytes, bytes)])
      progress.reached(index, bytes.length, stored)
      window.land(index, bytes)
    }
  }
  const workers = Array.from({ length: Math.min(parallel, mostHeld, file.count) }, () =>
    work().catch((error: unknown) => {
      // The first failure ends the others; theirs only say that they were ended.
      stop.abort(error)
      throw error
    }),
  )
  const ends = await Promise.allSettled(workers)
  if (ends.some(({ status }) => status === 'rejected')) {
    throwIfAborted(options.signal)
    throw stop.signal.reason
  }
  progress.finish()
}

/** Chunks between the first that the hasher waits for and the last that may be begun; lends their buffers. */
class OrderedWindow {
  readonly #landed = new Map<number, Uint8Array<ArrayBuffer>>()
  readonly #lent = new Set<Uint8Array<ArrayBuffer>>()
  readonly #free: Uint8Array<ArrayBuffer>[] = []
  #first = 0
  /** Workers that have to wait until the hasher has moved on. */
  #waiting: (() => void)[] = []

  constructor(
    readonly file: ChunkedFile,
    readonly hasher: Hasher | null,
    readonly mostHeld: number,
    readonly signal: AbortSignal,
  ) {
    signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  async enter(index: number): Promise<void> {
    while (index >= this.#first + this.mostHeld && !this.signal.aborted) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    throwIfAborted(this.signal)
  }

  /** Of the chunk's own length: the store keeps whole buffers. */
  buffer(index: number): Uint8Array<ArrayBuffer> {
    const size = this.file.size(index)
    const buffer = (size === this.file.chunkBytes && this.#free.pop()) || new Uint8Array(size)
    this.#lent.add(buffer)
    return buffer
  }

  land(index: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#landed.set(index, bytes)
    for (let first = this.#landed.get(this.#first); first; first = this.#landed.get(this.#first)) {
      this.hasher?.update(first)
      this.#landed.delete(this.#first)
      this.#first += 1
      if (this.#lent.delete(first) && first.length === this.file.chunkBytes) this.#free.push(first)
    }
    this.#wake()
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** Counts bytes and says so about ten times a second, and at the end. */
class ProgressReport {
  readonly #reached = new Map<number, number>()
  #loadedBytes = 0
  #storedBytes = 0
  #reportedMs = Number.NEGATIVE_INFINITY

  constructor(
    readonly totalBytes: number,
    readonly onProgress: (progress: ByteProgress) => void,
  ) {}

  /** The first `count` bytes of a chunk are there. */
  reached(index: number, count: number, stored: boolean): void {
    const more = Math.max(0, count - (this.#reached.get(index) ?? 0))
    this.#reached.set(index, (this.#reached.get(index) ?? 0) + more)
    this.#loadedBytes += more
    if (stored) this.#storedBytes += more
    const now = performance.now()
    if (now - this.#reportedMs < reportEveryMs) return
    this.#reportedMs = now
    this.finish()
  }

  finish(): void {
    const { totalBytes } = this
    this.onProgress({ loadedBytes: this.#loadedBytes, totalBytes, storedBytes: this.#storedBytes })
  }
}
