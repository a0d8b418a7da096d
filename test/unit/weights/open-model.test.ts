import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HubServer } from '../../support/hub-server'
import {
  chunkBytes,
  chunkCount,
  isWhole,
  load,
  makeModel,
  modelBytes,
  onDisk,
  open,
  quickPlatform,
  receive,
} from './loading'

const repo = 'owner/small-GGUF'
const files = {
  'small-Q8_0.gguf': onDisk('small.gguf', modelBytes),
  'README.md': onDisk('README.md', new Uint8Array(9)),
}
let server: HubServer

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  server = await HubServer.start({ repos: [{ repo, files }], tokens: ['good'], pageSize: 1 })
})
afterEach(() => server.close())

const chunkRange = (index: number) => [
  index * chunkBytes,
  Math.min(modelBytes.length, (index + 1) * chunkBytes) - 1,
]
const allRanges = Array.from({ length: chunkCount }, (_, index) => chunkRange(index))

describe('a model from the Hub', () => {
  it('reaches the sink whole, each byte once, and each byte is fetched once', async () => {
    const loaded = await load(repo, server)
    const { model } = loaded
    expect(isWhole(loaded)).toBe(true)
    expect(model.header.tensors.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(model.source).toEqual({
      reference: repo,
      repo,
      revision: expect.stringMatching(/^[0-9a-f]{40}$/),
      file: 'small-Q8_0.gguf',
    })
    expect(server.ranges).toEqual(allRanges)
  })

  it('is pinned to a commit before its bytes are fetched', async () => {
    const { model } = await load(repo, server)
    const resolves = server.log.filter(({ path }) => path.includes('/resolve/'))
    expect(resolves.length).toBe(chunkCount)
    expect(resolves.every(({ path }) => path.includes(`/resolve/${model.source.revision}/`))).toBe(true)
  })

  it('is loaded from the store the second time, without a request, even where the Hub is gone', async () => {
    await load(repo, server)
    const { endpoint } = server
    await server.close()
    const loaded = await load(repo, { endpoint })
    expect(isWhole(loaded)).toBe(true)
    const { model, progress } = loaded
    expect(model.source.revision).toMatch(/^[0-9a-f]{40}$/)
    const totalBytes = modelBytes.length
    expect(progress.at(-1)).toEqual({ loadedBytes: totalBytes, totalBytes, storedBytes: totalBytes })
  })

  it('tells its progress in bytes, which never go back and end at the total', async () => {
    const { progress } = await load(repo, server)
    const totalBytes = modelBytes.length
    expect(progress.at(-1)).toEqual({ loadedBytes: totalBytes, totalBytes, storedBytes: 0 })
    const loaded = progress.map((each) => each.loadedBytes)
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b))
  })

  it('can be streamed again, as after a lost device', async () => {
    const model = await open(repo, server)
    await receive(model)
    server.log.length = 0
    const loaded = await receive(model)
    expect(isWhole(loaded)).toBe(true)
    expect(server.log).toEqual([])
  })

  it('whose name is old is found behind the redirect, which is then not taken again', async () => {
    server.setRepos([{ repo, files, formerNames: ['old/name'] }])
    const loaded = await load('old/name', server)
    expect(isWhole(loaded)).toBe(true)
    const { model } = loaded
    expect(model.source.repo).toBe(repo)
    expect(server.log.filter(({ path }) => path.startsWith('/old/name'))).toEqual([])
  })

  it('that is private or gated is fetched with the token, which never leaves the Hub’s origin', async () => {
    for (const access of ['private', 'gated'] as const) {
      globalThis.indexedDB = new IDBFactory()
      server.setRepos([{ repo, files, access }])
      server.log.length = 0
      const loaded = await load(repo, { endpoint: server.endpoint, token: 'good' })
      expect(isWhole(loaded)).toBe(true)
      const bearers = (to: string) =>
        new Set(server.log.filter((each) => each.to === to).map((each) => each.authorization))
      expect(bearers('hub')).toEqual(new Set(['Bearer good']))
      expect(bearers('cdn')).toEqual(new Set([null]))
    }
  })

  it('that is public is fetched without the token that is there', async () => {
    await load(repo, { endpoint: server.endpoint, token: 'good' })
    const resolves = server.log.filter(({ path }) => path.includes('/resolve/'))
    expect(new Set(resolves.map(({ authorization }) => authorization))).toEqual(new Set([null]))
  })

  it('is fetched without a token that the Hub no longer knows', async () => {
    const loaded = await load(repo, { endpoint: server.endpoint, token: 'stale' })
    expect(isWhole(loaded)).toBe(true)
  })

  it('is not held in memory: chunks wait only a short way ahead of the file’s hash', async () => {
    const model = await open(repo, server)
    let firstIsThere = false
    let begunBefore = 0
    const sink = {
      async write(offset: number) {
        if (!firstIsThere) begunBefore += 1
        await new Promise((resolve) => setTimeout(resolve, offset === 0 ? 300 : 1))
        if (offset === 0) firstIsThere = true
      },
    }
    await model.stream(sink, { signal: new AbortController().signal, onProgress: () => {} })
    expect(begunBefore).toBe(quickPlatform.mostHeld)
  })
})

describe('a download that ended early', () => {
  async function interrupted(): Promise<number> {
    const stop = new AbortController()
    const model = await open(repo, server)
    let chunks = 0
    const sink = {
      async write() {
        chunks += 1
        if (chunks === 8) stop.abort()
      },
    }
    const streaming = model.stream(sink, { signal: stop.signal, onProgress: () => {} })
    await expect(streaming).rejects.toMatchObject({ code: 'aborted' })
    return new Set(server.ranges.map(([first]) => first)).size
  }

  it('goes on with what is missing', async () => {
    const fetched = await interrupted()
    expect(fetched).toBeLessThan(chunkCount)
    server.log.length = 0
    const loaded = await load(repo, server)
    expect(isWhole(loaded)).toBe(true)
    const { progress } = loaded
    const again = server.ranges
    expect(again.length).toBeGreaterThanOrEqual(chunkCount - fetched)
    // At most the four that were on their way are asked for twice.
    expect(again.length).toBeLessThanOrEqual(chunkCount - 8 + 4)
    const stored = modelBytes.length - again.reduce((sum, [first, last]) => sum + last - first + 1, 0)
    expect(progress.at(-1)).toMatchObject({ storedBytes: stored })
    server.log.length = 0
    await load(repo, server)
    expect(server.log).toEqual([])
  })

  it('goes on where the branch has moved and the file is the same', async () => {
    await interrupted()
    server.setRepos([{ repo, files, revision: 'f'.repeat(40) }])
    server.log.length = 0
    const loaded = await load(repo, server)
    expect(isWhole(loaded)).toBe(true)
    const { model } = loaded
    expect(model.source.revision).toBe('f'.repeat(40))
    expect(server.ranges.length).toBeLessThan(chunkCount)
  })

  it('begins anew where the file is another now, and lets go of the old one', async () => {
    await interrupted()
    const changed = makeModel(2)
    server.setRepos([{ repo, files: { 'small-Q8_0.gguf': onDisk('changed.gguf', changed) } }])
    server.log.length = 0
    const loaded = await load(repo, server)
    expect(isWhole(loaded, changed)).toBe(true)
    expect(server.ranges.length).toBe(chunkCount)
    expect((await storedChunks()).length).toBe(chunkCount)
  })
})

describe('two pages that load the same model at once', () => {
  it('both get it whole, and so does a third', async () => {
    const both = await Promise.all([load(repo, server), load(repo, server)])
    expect(both.every((loaded) => isWhole(loaded))).toBe(true)
    server.log.length = 0
    expect(isWhole(await load(repo, server))).toBe(true)
    expect(server.log).toEqual([])
  })
})

/** Keys of the payloads in IndexedDB. */
function storedChunks(): Promise<IDBValidKey[]> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('octavo-chunks')
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const keys = opening.result.transaction('chunks').objectStore('chunks').getAllKeys()
      keys.onsuccess = () => resolve(keys.result)
    }
  })
}
