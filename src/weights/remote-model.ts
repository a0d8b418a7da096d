import { megabytes } from '../util/disk'
import { OctavoError } from '../util/octavo-error'
import type { ChunkStore, Manifest, StoredFile } from './chunk-store'
import { ChunkedFile } from './chunked-file'
import { contentOf } from './content'
import { checkDiskSpace } from './disk-space'
import { HttpSource } from './http-source'
import { checkFloatType } from './main-type'
import { findModelFiles, type ModelFiles } from './model-files'
import type { ModelFolder } from './model-folder'
import type { Platform } from './platform'
import { readModel } from './read-model'
import type { RemoteFile } from './remote-file'
import { findPlace, placeInManifest, type RemotePlace, type RemoteReference } from './remote-place'
import { throwIfAborted } from './request'
import { streamChunks } from './stream-chunks'
import type { HubOptions, OpenedModel } from './types'

interface RemoteOptions {
  readonly hub: HubOptions
  readonly signal: AbortSignal
  readonly platform: Platform
}

interface FoundFile {
  readonly remote: RemoteFile
  /** Identity in the store. */
  readonly id: string
  readonly chunks: ChunkedFile
}

/** A model whose files come over the network, and are kept on this device. */
export class RemoteModel implements ModelFolder {
  readonly #files = new Map<string, FoundFile>()
  readonly #key: string
  readonly #place: RemotePlace
  readonly #platform: Platform
  readonly #chunkBytes: number
  /** What was known of it before; null where it has never been opened here. */
  readonly #before: Manifest | null
  #store: ChunkStore | null
  /** Files that were complete when the manifest was written; null before it is known which files there are. */
  #savedComplete: number | null = null

  private constructor(
    key: string,
    place: RemotePlace,
    platform: Platform,
    store: ChunkStore | null,
    before: Manifest | null,
  ) {
    this.#key = key
    this.#place = place
    this.#platform = platform
    this.#store = store
    this.#before = before
    this.#chunkBytes = before && isComplete(before) ? before.chunkBytes : platform.chunkBytes
  }

  static async open(
    name: string,
    reference: RemoteReference,
    { hub, signal, platform }: RemoteOptions,
  ): Promise<OpenedModel> {
    const store = await platform.openStore()
    const key = referenceKey(reference, hub)
    const kept = (await store?.manifest(key).catch(() => undefined)) ?? null
    throwIfAborted(signal)
    const place =
      kept && isComplete(kept)
        ? placeInManifest(kept, hub)
        : await findPlace(reference, hub, platform, signal)
    const model = new RemoteModel(key, place, platform, store, kept)
    const { files, header, config } = await model.#guard(() => model.#read(signal))
    const { repo, revision, main } = place
    if (reference.kind === 'hub' && reference.tag && header.kind === 'safetensors') {
      checkFloatType(reference.tag, reference.repo, header.tensors)
    }
    return {
      header,
      source: { reference: name, repo, revision, file: main },
      files: model.#list.map(({ remote: { path, bytes } }) => ({ path, bytes })),
      content: await contentOf(
        files.weights.map(({ name }) => identity(model.#files.get(name)!.remote)),
        config,
      ),
      stream: (sink, streaming) => model.#guard(() => streamChunks(files.weights, sink, platform, streaming)),
    }
  }

  async find(path: string, signal: AbortSignal): Promise<ChunkedFile | null> {
    const known = this.#files.get(path)
    if (known) return known.chunks
    const remote = await this.#place.locate(path, signal)
    if (!remote) return null
    const before = this.#before?.files.find((file) => file.path === path)
    const id = `${identity(remote)} ${this.#chunkBytes}`
    const commits = await this.#store
      ?.commits(id, Math.ceil(remote.bytes / this.#chunkBytes))
      .catch(() => this.#stopKeeping())
    const chunks = new ChunkedFile({
      name: remote.path,
      source: new HttpSource(remote, this.#platform),
      chunkBytes: this.#chunkBytes,
      keeping: this.#store && commits ? { store: this.#store, file: id, commits } : null,
      sha256: remote.sha256,
      complete: before?.file === id && before.complete && commits?.every(Boolean) === true,
    })
    this.#files.set(path, { remote, id, chunks })
    return chunks
  }

  async #read(signal: AbortSignal) {
    const options = { signal, parallel: this.#platform.parallel }
    const files = await findModelFiles(this, this.#place.main, options)
    await this.#prepareStore(files)
    throwIfAborted(signal)
    return { files, ...(await readModel(files, options)) }
  }

  /** @throws OctavoError 'disk-full' */
  async #prepareStore(files: ModelFiles): Promise<void> {
    const store = this.#store
    const complete = this.#list.filter(({ chunks }) => chunks.complete).length
    this.#savedComplete = complete
    if (!store || complete === this.#list.length) return
    try {
      await this.#save()
      // What the reference meant before.
      if (this.#before) await deleteUnreferenced(store, this.#before.files, this.#before.chunkBytes)
    } catch {
      this.#stopKeeping()
      return
    }
    const { space } = this.#platform
    const missing = [...files.weights, ...files.texts.values()].reduce(
      (sum, { bytes, keptBytes }) => sum + bytes - keptBytes,
      0,
    )
    if (space && missing > 0) await checkDiskSpace(space, this.#place.main, missing)
  }

  get #list(): readonly FoundFile[] {
    return [...this.#files.values()]
  }

  /** Runs a part of the load; notes what it has completed, and in an error what is kept. */
  async #guard<T>(part: () => Promise<T>): Promise<T> {
    try {
      return await part()
    } catch (error) {
      if (error instanceof OctavoError && error.code === 'malformed-file') await this.#noteForgotten()
      throw this.#explain(error)
    } finally {
      await this.#noteComplete()
      await Promise.all(this.#list.map(({ chunks }) => chunks.source.close()))
    }
  }

  /** A store that fails is done without. */
  async #noteComplete(): Promise<void> {
    const store = this.#store
    if (!store) return
    try {
      // An index whose files are not all there has been kept for nothing.
      if (this.#savedComplete === null)
        await deleteUnreferenced(store, this.#list.map(stored), this.#chunkBytes)
      else if (this.#list.filter(({ chunks }) => chunks.complete).length !== this.#savedComplete)
        await this.#save()
    } catch {
      // It is found incomplete, and fetched again.
    }
  }

  /** After a file has turned out bad. */
  async #noteForgotten(): Promise<void> {
    const store = this.#store
    if (!store || this.#savedComplete === null) return
    if (this.#list.some(({ chunks }) => chunks.keptBytes > 0)) this.#savedComplete = -1
    else await store.deleteManifest(this.#key).catch(() => undefined)
  }

  async #save(): Promise<void> {
    const { repo, revision, main } = this.#place
    const files = this.#list.map(stored)
    this.#savedComplete = files.filter(({ complete }) => complete).length
    const needsToken = this.#list.some(({ remote }) => remote.token !== null)
    const manifest = { repo, revision, main, files, chunkBytes: this.#chunkBytes, needsToken }
    await this.#store?.setManifest(this.#key, manifest)
  }

  #stopKeeping(): undefined {
    this.#store = null
    for (const { chunks } of this.#list) chunks.stopKeeping()
  }

  /** Adds what is kept to an error that ended the download. */
  #explain(error: unknown): unknown {
    if (!(error instanceof OctavoError) || error.code !== 'network') return error
    const { message, remedy, cause } = error
    return new OctavoError('network', `${message} ${this.#keptInWords}`.trim(), remedy, { cause })
  }

  get #keptInWords(): string {
    const files = this.#list.map(({ chunks }) => chunks)
    if (files.length === 0) return ''
    if (!files.some(({ isKept }) => isKept)) return 'Nothing of it could be kept on this device.'
    const sum = (of: (file: ChunkedFile) => number) =>
      megabytes(files.reduce((total, file) => total + of(file), 0))
    return `${sum((file) => file.keptBytes)} of ${sum((file) => file.bytes)} are kept on this device and need not be fetched again.`
  }
}

function isComplete({ files }: Manifest): boolean {
  return files.length > 0 && files.every(({ complete }) => complete)
}

function stored({ remote, id, chunks }: FoundFile): StoredFile {
  const { token: _, ...described } = remote
  return { ...described, file: id, complete: chunks.complete }
}

/** Deletes those of the files that belong to no model. */
async function deleteUnreferenced(
  store: ChunkStore,
  files: readonly StoredFile[],
  chunkBytes: number,
): Promise<void> {
  const referenced = await store.referenced()
  for (const { file, bytes } of files) {
    if (!referenced.has(file)) await store.deleteChunks(file, Math.ceil(bytes / chunkBytes))
  }
}

/** Of a file's content, as far as it is known without reading it. */
function identity({ url, bytes, sha256, etag }: RemoteFile): string {
  return sha256 ?? `${url} ${etag} ${bytes}`
}

function referenceKey(reference: RemoteReference, { endpoint }: HubOptions): string {
  if (reference.kind === 'url') return reference.url
  const { repo, revision, tag } = reference
  return `${endpoint}/${repo}@${revision}:${tag ?? ''}`
}
