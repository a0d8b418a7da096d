import { createStore, del, delMany, entries, get, getMany, set, type UseStore } from 'idb-keyval'

/** One file of a model, as far as it is known. */
export interface StoredFile {
  /** Identity of the content and of its cut into chunks: a SHA-256, or address, ETag and size; and the chunks' size. */
  readonly file: string
  readonly url: string
  readonly bytes: number
  /** Hex, of the whole file; null where nobody says it. */
  readonly sha256: string | null
  readonly etag: string | null
  readonly ranges: boolean
  /** In the repo. */
  readonly path: string
  /** Every chunk is stored, and the whole file's hash was right. */
  readonly complete: boolean
}

/** What is known of the model that a reference means. */
export interface Manifest {
  readonly repo: string | null
  readonly revision: string | null
  /** Path of the file that was chosen; it says what the others are. */
  readonly main: string
  /** Weights and texts. */
  readonly files: readonly StoredFile[]
  readonly chunkBytes: number
  /** Whether fetching a chunk anew takes an access token. */
  readonly needsToken: boolean
}

/**
 * Pieces of model files on this device, in two databases of idb-keyval: the payloads, and manifests with a commit record
 * for each payload. The record holds the chunk's SHA-256 and is written once the payload is there; a payload without
 * one does not count. Several pages may write the same file at once: records name content, so the last one wins
 * whole, and what does not fit its record is found when it is read.
 */
export class ChunkStore {
  readonly #chunks: UseStore
  readonly #manifests: UseStore

  private constructor() {
    this.#chunks = createStore('octavo-chunks', 'chunks')
    this.#manifests = createStore('octavo-manifests', 'manifests')
  }

  /** Null where there is no IndexedDB, or the browser forbids it. */
  static async open(): Promise<ChunkStore | null> {
    if (typeof indexedDB === 'undefined') return null
    try {
      const store = new ChunkStore()
      await Promise.all([get('probe', store.#chunks), get('probe', store.#manifests)])
      return store
    } catch {
      return null
    }
  }

  async manifest(reference: string): Promise<Manifest | undefined> {
    const found = await get<Manifest>(`reference:${reference}`, this.#manifests)
    // Octavo 0.1 had manifests of one file.
    return found?.files ? found : undefined
  }

  setManifest(reference: string, manifest: Manifest): Promise<void> {
    return set(`reference:${reference}`, manifest, this.#manifests)
  }

  deleteManifest(reference: string): Promise<void> {
    return del(`reference:${reference}`, this.#manifests)
  }

  /** Identities of the files that belong to any model. */
  async referenced(): Promise<ReadonlySet<string>> {
    const all = await entries<string, unknown>(this.#manifests)
    const manifests = all
      .filter(([key]) => key.startsWith('reference:'))
      .map(([, value]) => value as Manifest)
    return new Set(manifests.flatMap(({ files }) => (files ?? []).map(({ file }) => file)))
  }

  /** SHA-256 of each chunk that is stored, by index. */
  async commits(file: string, count: number): Promise<(string | undefined)[]> {
    return getMany<string>(commitKeys(file, count), this.#manifests)
  }

  async chunk(file: string, index: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return get<Uint8Array<ArrayBuffer>>(chunkKey(file, index), this.#chunks)
  }

  /** `bytes` must be the whole of its buffer, which is stored with it. */
  async setChunk(file: string, index: number, bytes: Uint8Array<ArrayBuffer>, sha256: string): Promise<void> {
    await set(chunkKey(file, index), bytes, this.#chunks)
    await set(commitKey(file, index), sha256, this.#manifests)
  }

  async deleteChunk(file: string, index: number): Promise<void> {
    await del(commitKey(file, index), this.#manifests)
    await del(chunkKey(file, index), this.#chunks)
  }

  async deleteChunks(file: string, count: number): Promise<void> {
    await delMany(commitKeys(file, count), this.#manifests)
    await delMany(
      Array.from({ length: count }, (_, index) => chunkKey(file, index)),
      this.#chunks,
    )
  }
}

function chunkKey(file: string, index: number): string {
  return `${file}:${index}`
}

function commitKey(file: string, index: number): string {
  return `chunk:${file}:${index}`
}

function commitKeys(file: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => commitKey(file, index))
}
