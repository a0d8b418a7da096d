import { isDiskFull, megabytes } from '../util/disk'
import { OctavoError } from '../util/octavo-error'
import { sha256 } from '../util/sha256'
import type { ByteSource } from './byte-source'
import type { ChunkStore } from './chunk-store'
import { diskFull } from './disk-space'

/** Where a file's chunks are kept. */
export interface Keeping {
  readonly store: ChunkStore
  /** Identity of the file in the store. */
  readonly file: string
  /** SHA-256 of the chunks that are there. */
  readonly commits: readonly (string | undefined)[]
}

export interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Whether it was on this device before the model was opened. */
  readonly stored: boolean
  /** Whether it still has to be kept. */
  readonly fresh: boolean
}

/** A model file in chunks, each from the store where it is there whole, else from the source. */
export class ChunkedFile {
  readonly count: number
  readonly bytes: number
  readonly #commits: (string | undefined)[]
  readonly #fetched = new Set<number>()
  #keeping: Keeping | null

  constructor(
    readonly name: string,
    readonly source: ByteSource,
    readonly chunkBytes: number,
    keeping: Keeping | null,
  ) {
    this.bytes = source.bytes
    this.count = Math.ceil(source.bytes / chunkBytes)
    this.#keeping = keeping
    this.#commits = [...(keeping?.commits ?? [])]
  }

  /** Bytes of a chunk; only the last is shorter. */
  size(index: number): number {
    return Math.min(this.chunkBytes, this.bytes - index * this.chunkBytes)
  }

  /** Bytes of the file that are on this device. */
  get keptBytes(): number {
    let bytes = 0
    for (let index = 0; index < this.count; index++) if (this.#commits[index]) bytes += this.size(index)
    return bytes
  }

  /** For an error: what of the file need not be fetched again. */
  get keptInWords(): string {
    if (!this.#keeping) return 'Nothing of it could be kept on this device.'
    return `${megabytes(this.keptBytes)} of ${megabytes(this.bytes)} are kept on this device and need not be fetched again.`
  }

  /** One chunk; `buffer()` is where it goes if it comes from the source. */
  async chunk(
    index: number,
    buffer: () => Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
    onBytes: (count: number) => void,
  ): Promise<Chunk> {
    const kept = await this.#fromStore(index)
    if (kept) return { bytes: kept, stored: !this.#fetched.has(index), fresh: false }
    const bytes = buffer()
    await this.source.read(index * this.chunkBytes, bytes, signal, onBytes)
    this.#fetched.add(index)
    return { bytes, stored: false, fresh: true }
  }

  /** A chunk that cannot be read, or not as it was written, is forgotten and fetched again. */
  async #fromStore(index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const commit = this.#commits[index]
    if (!this.#keeping || commit === undefined) return null
    const { store, file } = this.#keeping
    const bytes = await store.chunk(file, index).catch(() => undefined)
    if (
      bytes instanceof Uint8Array &&
      bytes.length === this.size(index) &&
      (await sha256(bytes)) === commit
    ) {
      return bytes
    }
    this.#commits[index] = undefined
    await store.deleteChunk(file, index).catch(() => undefined)
    return null
  }

  /**
   * Keeps a chunk that came from the source. A store that fails is done without: a broken cache must not fail a load.
   *
   * @throws OctavoError 'disk-full'
   */
  async keep(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (!this.#keeping) return
    const { store, file } = this.#keeping
    const hash = await sha256(bytes)
    try {
      await store.setChunk(file, index, bytes, hash)
      this.#commits[index] = hash
    } catch (error) {
      if (isDiskFull(error)) throw diskFull(this.name, this.keptBytes, this.bytes, error)
      this.#keeping = null
    }
  }

  /** Adds what is kept to the message of an error that ended the download. */
  explain(error: unknown): unknown {
    if (!(error instanceof OctavoError) || error.code !== 'network') return error
    return new OctavoError('network', `${error.message} ${this.keptInWords}`, error.remedy, {
      cause: error.cause,
    })
  }
}
