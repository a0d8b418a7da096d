import { sha256 as incrementalSha256 } from '@noble/hashes/sha2.js'
import { isDiskFull } from '../util/disk'
import { OctavoError } from '../util/octavo-error'
import { sha256, toHex } from '../util/sha256'
import type { ByteSource } from './byte-source'
import type { ChunkStore } from './chunk-store'
import { diskFull } from './disk-space'
import { throwIfAborted } from './request'

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

export interface ChunkedFileOptions {
  /** For people: its path in the repo, or its name. */
  readonly name: string
  readonly source: ByteSource
  readonly chunkBytes: number
  /** Null where nothing is kept of it. */
  readonly keeping: Keeping | null
  /** Hex, of the whole file; null where nobody says it. */
  readonly sha256: string | null
  /** It has been kept whole and checked before. */
  readonly complete: boolean
}

/** A file in chunks, each from the store where it is there whole, else from the source. */
export class ChunkedFile {
  readonly name: string
  readonly source: ByteSource
  readonly chunkBytes: number
  readonly bytes: number
  readonly count: number
  readonly #sha256: string | null
  readonly #commits: (string | undefined)[]
  readonly #fetched = new Set<number>()
  #keeping: Keeping | null
  #complete: boolean
  /** Whether a chunk that was kept is not there any more. */
  #lost = false
  #hash: ReturnType<typeof incrementalSha256.create> | null = null

  constructor({ name, source, chunkBytes, keeping, sha256, complete }: ChunkedFileOptions) {
    this.name = name
    this.source = source
    this.chunkBytes = chunkBytes
    this.bytes = source.bytes
    this.count = Math.ceil(source.bytes / chunkBytes)
    this.#sha256 = sha256
    this.#keeping = keeping
    this.#complete = complete
    this.#commits = [...(keeping?.commits ?? [])]
  }

  /** Bytes of a chunk; only the last is shorter. */
  size(index: number): number {
    return Math.min(this.chunkBytes, this.bytes - index * this.chunkBytes)
  }

  /** Whether every chunk is kept, and the hash of the whole was right. */
  get complete(): boolean {
    return this.#complete
  }

  get isKept(): boolean {
    return this.#keeping !== null
  }

  /** Bytes of the file that are on this device. */
  get keptBytes(): number {
    let bytes = 0
    for (let index = 0; index < this.count; index++) if (this.#commits[index]) bytes += this.size(index)
    return bytes
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

  /** One chunk, kept where it was not yet. */
  async keptChunk(index: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = () => new Uint8Array(this.size(index))
    const { bytes, fresh } = await this.chunk(index, buffer, signal, () => undefined)
    throwIfAborted(signal)
    if (fresh) await this.keep(index, bytes)
    return bytes
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
    this.#complete = false
    this.#lost = true
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
      this.stopKeeping()
    }
  }

  stopKeeping(): void {
    this.#keeping = null
  }

  /** Deletes what is kept, after it has turned out bad. */
  async forget(): Promise<void> {
    this.#complete = false
    this.#commits.fill(undefined)
    // What cannot be deleted is checked again when it is read.
    await this.#keeping?.store.deleteChunks(this.#keeping.file, this.count).catch(() => undefined)
  }

  /** Begins to take the file's hash where it has to be checked; all its bytes then go to `addToHash`, in order. */
  beginHash(): void {
    this.#hash = this.#sha256 !== null && !this.#complete ? incrementalSha256.create() : null
  }

  addToHash(bytes: Uint8Array): void {
    this.#hash?.update(bytes)
  }

  /** After the last byte. @throws OctavoError 'malformed-file' where the hash is another; nothing is kept then */
  async endHash(): Promise<void> {
    const found = this.#hash && toHex(this.#hash.digest())
    this.#hash = null
    if (found !== null && found !== this.#sha256) {
      await this.forget()
      throw new OctavoError(
        'malformed-file',
        `${this.name} arrived with SHA-256 ${found}, but the Hub says ${this.#sha256}. What was downloaded of it has been deleted.`,
        'Load the model again; if it happens again, check the Hub’s address and what lies between it and this page.',
      )
    }
    // What took the place of a lost chunk has been checked against the hash of the whole by nobody.
    const unchecked = this.#lost && found === null && this.#sha256 !== null
    this.#complete ||= !unchecked && this.#keeping !== null && this.keptBytes === this.bytes
  }
}
