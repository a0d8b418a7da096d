import 'fake-indexeddb/auto'
import { createHash } from 'node:crypto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChunkStore } from '../../../src/weights/chunk-store'
import { cutAfter, flippedBit, stallAfter, status } from '../../support/hub-faults'
import { HubServer } from '../../support/hub-server'
import { chunkBytes, isWhole, load, open, receive } from './loading'
import {
  endToEnd,
  filesOnDisk,
  indexName,
  type RepoFiles,
  shardedSafetensors,
  splitGguf,
} from './several-files'

const repo = 'owner/big'
const always = Number.POSITIVE_INFINITY
let server: HubServer

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  server = await HubServer.start({ repos: [] })
})
afterEach(() => server.close())

function serve(files: RepoFiles, revision?: string): void {
  server.setRepos([{ repo, files: filesOnDisk(files), ...(revision && { revision }) }])
}

/** How often bytes of each file were asked for since the log was emptied. */
function asked(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { path } of server.log) {
    const file = /\/resolve\/[0-9a-f]{40}\/(.+)$/.exec(path)?.[1]
    if (file) counts[file] = (counts[file] ?? 0) + 1
  }
  return counts
}

const chunksOf = (bytes: Uint8Array) => Math.ceil(bytes.length / chunkBytes)

const kinds = {
  'a split GGUF model': {
    make: splitGguf,
    first: 'big-Q4_0-00001-of-00003.gguf',
    main: 'big-Q4_0-00001-of-00003.gguf',
  },
  'a sharded safetensors model': {
    make: () => shardedSafetensors(),
    first: 'model-00001-of-00003.safetensors',
    main: indexName,
  },
}

describe.each(Object.entries(kinds))('%s', (_, { make, first, main }) => {
  const files = make()
  const second = first.replace('00001', '00002')
  const third = first.replace('00001', '00003')
  const expected = endToEnd(files)
  beforeEach(() => serve(files))

  it('reaches the sink as its files laid end to end, each byte once and fetched once', async () => {
    const loaded = await load(repo, server)
    const { model, bytes, progress } = loaded
    expect(isWhole(loaded, expected)).toBe(true)
    expect(model.source.file).toBe(main)
    const known = asked()
    for (const path of [first, second, third]) expect(known[path]).toBe(chunksOf(files[path]!))
    expect(progress.at(-1)).toEqual({
      loadedBytes: expected.length,
      totalBytes: expected.length,
      storedBytes: 0,
    })
    // The data of `c` is what its own file has at its end.
    const c = model.header.tensors.find(({ name }) => name === 'c')!
    const data = bytes.subarray(c.offset, c.offset + c.bytes)
    const own = files[second]!
    const padded = Math.ceil(c.bytes / 32) * 32
    const end = main === first ? own.length - (padded - c.bytes) : own.length
    expect(Buffer.compare(data, own.subarray(end - c.bytes, end))).toBe(0)
  })

  it('names its files and their bytes', async () => {
    const { files: named } = await open(repo, server)
    const wanted = Object.keys(files).filter((path) => path !== 'README.md')
    expect(named.map(({ path }) => path).sort()).toEqual(wanted.sort())
    for (const { path, bytes } of named) expect(bytes).toBe(files[path]!.length)
  })

  it('is loaded from the store the second time, without a request', async () => {
    const before = await load(repo, server)
    const { endpoint } = server
    await server.close()
    const loaded = await load(repo, { endpoint })
    expect(isWhole(loaded, expected)).toBe(true)
    expect(loaded.model.header).toEqual(before.model.header)
    expect(loaded.model.source).toEqual(before.model.source)
    expect(loaded.model.content).toBe(before.model.content)
  })

  it('goes on in the file where it was cut, and does not fetch the others again', async () => {
    const model = await open(repo, server)
    server.inject({ to: 'cdn', path: hashOf(second), from: 3 * chunkBytes }, status(500), always)
    await expect(receive(model)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(new RegExp(`${second}.* MB are kept on this device`)),
    })
    server.heal()
    server.log.length = 0
    const loaded = await load(repo, server)
    expect(isWhole(loaded, expected)).toBe(true)
    const again = asked()
    expect(again[first] ?? 0).toBe(0)
    expect(again[second]).toBeGreaterThan(0)
    expect(again[second]).toBeLessThan(chunksOf(files[second]!))
    server.log.length = 0
    await load(repo, server)
    expect(server.log).toEqual([])
  })

  it('with a wrong hash in one file names it and drops that file only', async () => {
    const model = await open(repo, server)
    server.log.length = 0
    server.inject({ to: 'cdn', path: hashOf(second), from: chunkBytes }, flippedBit)
    await expect(receive(model)).rejects.toMatchObject({
      code: 'malformed-file',
      message: expect.stringMatching(new RegExp(`${second} arrived with SHA-256`)),
    })
    server.heal()
    server.log.length = 0
    expect(isWhole(await load(repo, server), expected)).toBe(true)
    const again = asked()
    expect(again[first] ?? 0).toBe(0)
    expect(again[second]).toBe(chunksOf(files[second]!))
  })

  it('of which a file is missing says which', async () => {
    const { [second]: __, ...rest } = files
    serve(rest)
    await expect(open(repo, server)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(`${second} is missing`),
    })
    expect(server.log.filter(({ to }) => to === 'cdn')).toEqual([])
    expect(await storedKeys('octavo-chunks', 'chunks')).toEqual([])
    expect(await storedKeys('octavo-manifests', 'manifests')).toEqual([])
  })

  it('is fetched on where a signed address of its second file has expired', async () => {
    server.inject({ to: 'cdn', path: hashOf(second), from: chunkBytes }, status(403, {}, '<Error/>'))
    server.inject({ to: 'cdn', path: hashOf(second) }, cutAfter(3000))
    expect(isWhole(await load(repo, server), expected)).toBe(true)
  })

  it('is given up at once where an abort comes while its second file stalls', async () => {
    const stop = new AbortController()
    const model = await open(repo, server)
    server.inject({ to: 'cdn', path: hashOf(second) }, stallAfter(0), always)
    const started = performance.now()
    setTimeout(() => stop.abort(), 200)
    await expect(receive(model, stop.signal)).rejects.toMatchObject({ code: 'aborted' })
    expect(performance.now() - started).toBeLessThan(1000)
  })

  it('has to fit on the disk as a whole', async () => {
    const whole = Object.entries(files).reduce(
      (sum, [path, { length }]) => sum + (path === 'README.md' ? 0 : length),
      0,
    )
    const open1 = (quota: number) =>
      open(repo, {
        endpoint: server.endpoint,
        platform: { space: { estimate: async () => ({ quota, usage: 0 }) } },
      })
    await expect(open1(whole - files[third]!.length)).rejects.toMatchObject({ code: 'disk-full' })
    await expect(open1(whole + 10)).resolves.toBeTruthy()
  })

  it('where the branch has moved and the weights are the same, keeps them', async () => {
    await load(repo, server)
    const store = (await ChunkStore.open())!
    await store.deleteManifest(`${server.endpoint}/${repo}@main:`)
    serve(files, 'f'.repeat(40))
    server.log.length = 0
    const { model } = await load(repo, server)
    expect(model.source.revision).toBe('f'.repeat(40))
    expect(Object.keys(asked()).filter((path) => /gguf|safetensors$/.test(path))).toEqual([])
  })

  it('lets go of what it replaces', async () => {
    const stop = new AbortController()
    const model = await open(repo, server)
    const streaming = model.stream(
      { write: async () => stop.abort() },
      { signal: stop.signal, onProgress: () => {} },
    )
    await expect(streaming).rejects.toMatchObject({ code: 'aborted' })
    const changed = first.endsWith('gguf') ? splitGguf({ seed: 7 }) : shardedSafetensors(7)
    serve(changed)
    expect(isWhole(await load(repo, server), endToEnd(changed))).toBe(true)
    const chunks = Object.entries(changed).reduce(
      (sum, [path, bytes]) => sum + (path === 'README.md' ? 0 : chunksOf(bytes)),
      0,
    )
    expect((await storedKeys('octavo-chunks', 'chunks')).length).toBe(chunks)
  })

  /** The CDN knows files by a hash only: the paths that carry the second file's. */
  function hashOf(path: string): RegExp {
    const sha256 = createHash('sha256').update(files[path]!).digest('hex')
    return new RegExp(createHash('sha256').update(`xet ${sha256}`).digest('hex'))
  }
})

/** Keys of one of the databases. */
function storedKeys(database: string, store: string): Promise<IDBValidKey[]> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(database)
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const keys = opening.result.transaction(store).objectStore(store).getAllKeys()
      keys.onsuccess = () => resolve(keys.result)
    }
  })
}
