import { sha256 as incrementalSha256 } from '@noble/hashes/sha2.js'
import { OctavoError } from '../util/octavo-error'
import { toHex } from '../util/sha256'
import { BlobSource } from './byte-source'
import type { ChunkStore, Manifest } from './chunk-store'
import { ChunkedFile, type Keeping } from './chunked-file'
import { checkDiskSpace } from './disk-space'
import { fingerprint } from './fingerprint'
import { HttpSource } from './http-source'
import { resolveHubFile } from './hub'
import { browserPlatform, type Platform } from './platform'
import { readHeader } from './read-header'
import { type ModelReference, parseReference } from './reference'
import { probeUrl, type RemoteFile } from './remote-file'
import { throwIfAborted } from './request'
import { streamChunks } from './stream-chunks'
import type { HubOptions, OpenedModel } from './types'

export interface OpenOptions {
  readonly hub: HubOptions
  readonly signal: AbortSignal
  readonly platform?: Platform
}

/**
 * Finds the file that a model reference means and reads its header; `stream` then sends the weights to a sink.
 *
 * Chunks are kept in IndexedDB as they arrive, so a download that ended early goes on where it stopped. Once a
 * reference has been loaded whole it is never asked for again: the next load takes everything from the store, at
 * once and offline, even if the branch that it names (`main` where it names none) has moved on the Hub since. Name a
 * revision to get another. A `File` is read in place and not kept.
 *
 * @throws OctavoError 'invalid-option', 'not-found', 'unauthorized', 'network', 'disk-full', 'malformed-file',
 *   'unsupported-tensor-type', 'unsupported-architecture', 'aborted'
 */
export async function openModel(reference: string | File, options: OpenOptions): Promise<OpenedModel> {
  const { hub, signal, platform = browserPlatform } = options
  throwIfAborted(signal)
  const parsed = parseReference(reference, hub.endpoint)
  if (parsed.kind === 'file') {
    const { file } = parsed
    const source = new BlobSource(file)
    const chunks = new ChunkedFile(file.name, source, platform.chunkBytes, null)
    const header = await readHeader(chunks, signal)
    return {
      header,
      content: await fingerprint(source, signal),
      source: { reference: file.name, repo: null, revision: null, file: file.name },
      stream: (sink, streaming) => streamChunks(chunks, sink, null, platform, streaming),
    }
  }
  return RemoteModel.open(String(reference), parsed, { hub, signal, platform })
}

type RemoteReference = Exclude<ModelReference, { kind: 'file' }>

class RemoteModel {
  private constructor(
    readonly key: string,
    readonly store: ChunkStore | null,
    readonly platform: Platform,
    readonly chunks: ChunkedFile,
    public manifest: Manifest,
  ) {}

  static async open(
    name: string,
    reference: RemoteReference,
    { hub, signal, platform }: Required<OpenOptions>,
  ): Promise<OpenedModel> {
    const store = await platform.openStore()
    const key = referenceKey(reference, hub)
    const kept = (await store?.manifest(key).catch(() => undefined)) ?? null
    throwIfAborted(signal)
    const remote = kept?.complete
      ? { ...kept, token: kept.needsToken ? hub.token : null }
      : await resolve(reference, hub, { ...platform, signal })
    const manifest = kept?.complete ? kept : manifestOf(remote, platform.chunkBytes)
    const keeping = store && (await keep(store, key, manifest, kept, platform))
    throwIfAborted(signal)
    const source = new HttpSource(remote, platform)
    const chunks = new ChunkedFile(remote.path, source, manifest.chunkBytes, keeping)
    const model = new RemoteModel(key, keeping && store, platform, chunks, manifest)
    const header = await model.guard(() => readHeader(chunks, signal))
    const { repo, revision, path } = remote
    return {
      header,
      source: { reference: name, repo, revision, file: path },
      content: contentOf(manifest),
      stream: (sink, streaming) => model.guard(() => model.#stream(sink, streaming)),
    }
  }

  async #stream(...[sink, streaming]: Parameters<OpenedModel['stream']>): Promise<void> {
    const { manifest, chunks, platform } = this
    const hasher = manifest.sha256 !== null && !manifest.complete ? incrementalSha256.create() : null
    await streamChunks(chunks, sink, hasher, platform, streaming)
    if (hasher) {
      const found = toHex(hasher.digest())
      if (found !== manifest.sha256) throw wrongHash(manifest, found)
    }
    if (manifest.complete || !this.store || chunks.keptBytes < chunks.bytes) return
    this.manifest = { ...manifest, complete: true }
    await this.store.setManifest(this.key, this.manifest).catch(() => undefined)
  }

  /** Runs a part of the load; drops what is kept where it has turned out bad, and says else what is. */
  async guard<T>(part: () => Promise<T>): Promise<T> {
    try {
      return await part()
    } catch (error) {
      if (error instanceof OctavoError && error.code === 'malformed-file') await this.#drop()
      throw this.chunks.explain(error)
    } finally {
      await this.chunks.source.close()
    }
  }

  async #drop(): Promise<void> {
    this.manifest = { ...this.manifest, complete: false }
    try {
      await this.store?.deleteManifest(this.key)
      await this.store?.deleteChunks(this.manifest.file, this.chunks.count)
    } catch {
      // What cannot be deleted is checked again when it is read.
    }
  }
}

function resolve(
  reference: RemoteReference,
  hub: HubOptions,
  context: Platform & { readonly signal: AbortSignal },
): Promise<RemoteFile> {
  if (reference.kind === 'hub') return resolveHubFile(reference, hub, context)
  const own = new URL(reference.url).origin === new URL(hub.endpoint).origin
  return probeUrl(reference.url, own ? hub.token : null, context)
}

/** Prepares the store for a file; null where it does not work. @throws OctavoError 'disk-full' */
async function keep(
  store: ChunkStore,
  key: string,
  manifest: Manifest,
  before: Manifest | null,
  { space }: Platform,
): Promise<Keeping | null> {
  const { file, bytes, chunkBytes } = manifest
  const count = Math.ceil(bytes / chunkBytes)
  try {
    const commits = await store.commits(file, count)
    if (!manifest.complete) {
      await store.setManifest(key, manifest)
      if (before && before.file !== file && !(await store.isReferenced(before.file))) {
        await store.deleteChunks(before.file, Math.ceil(before.bytes / before.chunkBytes))
      }
      const missing = commits.filter((commit) => commit === undefined).length
      if (space && missing > 0)
        await checkDiskSpace(space, manifest.path, Math.min(bytes, missing * chunkBytes))
    }
    return { store, file, commits }
  } catch (error) {
    if (error instanceof OctavoError) throw error
    return null
  }
}

function manifestOf(remote: RemoteFile, chunkBytes: number): Manifest {
  const { token, ...described } = remote
  return {
    ...described,
    file: `${contentOf(remote)} ${chunkBytes}`,
    chunkBytes,
    complete: false,
    needsToken: token !== null,
  }
}

function contentOf({
  url,
  bytes,
  sha256,
  etag,
}: Pick<RemoteFile, 'url' | 'bytes' | 'sha256' | 'etag'>): string {
  return sha256 ?? `${url} ${etag} ${bytes}`
}

function referenceKey(reference: RemoteReference, { endpoint }: HubOptions): string {
  if (reference.kind === 'url') return reference.url
  const { repo, revision, tag } = reference
  return `${endpoint}/${repo}@${revision}:${tag ?? ''}`
}

function wrongHash({ url, sha256 }: Manifest, found: string): OctavoError {
  return new OctavoError(
    'malformed-file',
    `${url} arrived with SHA-256 ${found}, but the Hub says ${sha256}. What was downloaded has been deleted.`,
    'Load the model again; if it happens again, check the Hub’s address and what lies between it and this page.',
  )
}
