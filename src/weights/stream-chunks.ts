import type { WeightSink } from '../util/model-file'
import type { ChunkedFile } from './chunked-file'
import { inParallel } from './in-parallel'
import type { Platform } from './platform'
import { throwIfAborted } from './request'
import type { ByteProgress } from './types'

/** A chunk of one of several files that are laid end to end. */
interface Piece {
  readonly file: ChunkedFile
  /** In the file. */
  readonly index: number
  /** Of its first byte, over all files. */
  readonly offset: number
}

const reportEveryMs = 100

/**
 * Sends the chunks of files, laid end to end, to a sink, several at a time and in any order, keeps those that came over
 * the network, and takes each file's hash in order. Holds `mostHeld` chunks at most: a chunk that lies further ahead of
 * the hash than that is not begun.
 *
 * @throws OctavoError, of a hash that is wrong as soon as its file has ended
 */
export async function streamChunks(
  files: readonly ChunkedFile[],
  sink: WeightSink,
  { parallel, mostHeld }: Pick<Platform, 'parallel' | 'mostHeld'>,
  options: { readonly signal: AbortSignal; readonly onProgress: (progress: ByteProgress) => void },
): Promise<void> {
  const pieces = piecesOf(files)
  for (const file of files) file.beginHash()
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  const progress = new ProgressReport(total, options.onProgress)
  const window = new OrderedWindow(pieces, mostHeld)
  try {
    await inParallel(pieces, Math.min(parallel, mostHeld), options.signal, async (piece, signal, place) => {
      await window.enter(place, signal)
      const { file, index, offset } = piece
      const onBytes = (count: number) => progress.reached(place, count, false)
      const { bytes, stored, fresh } = await file.chunk(index, () => window.buffer(piece), signal, onBytes)
      throwIfAborted(signal)
      const kept = fresh ? file.keep(index, bytes) : undefined
      await Promise.all([kept, sink.write(offset, bytes)])
      progress.reached(place, bytes.length, stored)
      for (const ended of window.land(place, bytes)) await ended.endHash()
    })
  } catch (error) {
    throwIfAborted(options.signal)
    throw error
  }
  progress.finish()
}

function piecesOf(files: readonly ChunkedFile[]): readonly Piece[] {
  const pieces: Piece[] = []
  let begin = 0
  for (const file of files) {
    for (let index = 0; index < file.count; index++) {
      pieces.push({ file, index, offset: begin + index * file.chunkBytes })
    }
    begin += file.bytes
  }
  return pieces
}

/** Chunks between the first that the hash waits for and the last that may be begun; lends their buffers. */
class OrderedWindow {
  readonly #landed = new Map<number, Uint8Array<ArrayBuffer>>()
  readonly #lent = new Set<Uint8Array<ArrayBuffer>>()
  readonly #free: Uint8Array<ArrayBuffer>[] = []
  #first = 0
  /** Workers that have to wait until the hash has moved on. */
  #waiting: (() => void)[] = []

  constructor(
    readonly pieces: readonly Piece[],
    readonly mostHeld: number,
  ) {}

  async enter(place: number, signal: AbortSignal): Promise<void> {
    const wake = () => this.#wake()
    signal.addEventListener('abort', wake, { once: true })
    while (place >= this.#first + this.mostHeld && !signal.aborted) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    signal.removeEventListener('abort', wake)
    throwIfAborted(signal)
  }

  /** Of the chunk's own length: the store keeps whole buffers. */
  buffer({ file, index }: Piece): Uint8Array<ArrayBuffer> {
    const size = file.size(index)
    const buffer = (size === file.chunkBytes && this.#free.pop()) || new Uint8Array(size)
    this.#lent.add(buffer)
    return buffer
  }

  /** Gives the files whose last byte has now been hashed. */
  land(place: number, bytes: Uint8Array<ArrayBuffer>): readonly ChunkedFile[] {
    const ended: ChunkedFile[] = []
    this.#landed.set(place, bytes)
    for (let first = this.#landed.get(this.#first); first; first = this.#landed.get(this.#first)) {
      const { file, index } = this.pieces[this.#first]!
      file.addToHash(first)
      if (index === file.count - 1) ended.push(file)
      this.#landed.delete(this.#first)
      this.#first += 1
      if (this.#lent.delete(first) && first.length === file.chunkBytes) this.#free.push(first)
    }
    this.#wake()
    return ended
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
  reached(place: number, count: number, stored: boolean): void {
    const more = Math.max(0, count - (this.#reached.get(place) ?? 0))
    this.#reached.set(place, (this.#reached.get(place) ?? 0) + more)
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
