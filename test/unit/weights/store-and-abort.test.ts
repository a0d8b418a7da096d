import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChunkStore } from '../../../src/weights/chunk-store'
import { ChunkedFile } from '../../../src/weights/chunked-file'
import { readGgufHeader } from '../../../src/weights/gguf'
import { readBeginning } from '../../../src/weights/read-file'
import { stallAfter } from '../../support/hub-faults'
import { HubServer } from '../../support/hub-server'
import { ggufFile } from './gguf-file'
import { chunkBytes, expectResume, isWhole, load, modelBytes, onDisk, open, receive } from './loading'

const repo = 'owner/small-GGUF'
const files = { 'small-Q8_0.gguf': onDisk('small-Q8_0.gguf', modelBytes) }
let server: HubServer

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  server = await HubServer.start({ repos: [{ repo, files }] })
})
afterEach(() => server.close())

describe('a store that fails', () => {
  const quota = (): DOMException => new DOMException('full', 'QuotaExceededError')

  it('by too little space is foreseen, with what is needed and free', async () => {
    const space = { estimate: async () => ({ quota: 1_100_000, usage: 1_000_000 }) }
    await expect(open(repo, { endpoint: server.endpoint, platform: { space } })).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(/needs 0\.3 MB .* only 0\.1 MB free/),
    })
    expect(server.log.filter(({ to }) => to === 'cdn')).toEqual([])
  })

  it('by a full disk in the middle ends the load, and what is stored is kept', async () => {
    await expect(load(repo, failingStore(6, quota))).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(/0\.1 MB of small-Q8_0\.gguf’s 0\.3 MB are stored/),
    })
    await expectResume(server, repo)
  })

  it('by anything else in the middle is done without', async () => {
    expect(
      isWhole(
        await load(
          repo,
          failingStore(6, () => new Error('gone')),
        ),
      ),
    ).toBe(true)
    await expectResume(server, repo)
  })

  it('to keep one chunk as it was gets that chunk again', async () => {
    await load(repo, server)
    const store = (await ChunkStore.open())!
    const { files } = (await store.manifest(`${server.endpoint}/${repo}@main:`))!
    const name = files[0]!.file
    const [commit] = await store.commits(name, 1)
    const bytes = (await store.chunk(name, 0))!
    bytes[100]! ^= 1
    await store.setChunk(name, 0, bytes, commit!)
    await store.deleteChunk(name, 7)
    server.log.length = 0
    expect(isWhole(await load(repo, server))).toBe(true)
    expect(server.ranges.map(([first]) => first / chunkBytes)).toEqual([0, 7])
  })

  it('or is not there at all is no reason not to load', async () => {
    const platform = { openStore: async () => null }
    expect(isWhole(await load(repo, { endpoint: server.endpoint, platform }))).toBe(true)
  })

  /** A platform whose store takes so many chunks and then fails. */
  function failingStore(chunks: number, error: () => unknown) {
    const openStore = async () => {
      const store = (await ChunkStore.open())!
      const setChunk = store.setChunk.bind(store)
      let left = chunks
      store.setChunk = (...args) => (left-- > 0 ? setChunk(...args) : Promise.reject(error()))
      return store
    }
    return { endpoint: server.endpoint, platform: { openStore } }
  }
})

describe('an abort', () => {
  it('before the load means no request', async () => {
    const signal = AbortSignal.abort()
    await expect(open(repo, { endpoint: server.endpoint, signal })).rejects.toMatchObject({ code: 'aborted' })
    expect(server.log).toEqual([])
  })

  it('while a server stalls ends the load at once', async () => {
    for (const where of [{ to: 'hub' }, { to: 'cdn' }] as const) {
      const stop = new AbortController()
      server.inject(where, stallAfter(0), 100)
      const opening = open(repo, {
        endpoint: server.endpoint,
        signal: stop.signal,
        platform: { stallMs: 60_000 },
      })
      setTimeout(() => stop.abort(), 100)
      await expect(opening).rejects.toMatchObject({ code: 'aborted' })
      server.heal()
    }
  })

  it('by a sink that fails ends the load with the sink’s error', async () => {
    const model = await open(repo, server)
    const failure = new Error('the device is lost')
    const sink = { write: () => Promise.reject(failure) }
    const streaming = model.stream(sink, { signal: new AbortController().signal, onProgress: () => {} })
    await expect(streaming).rejects.toBe(failure)
    expect(isWhole(await receive(model))).toBe(true)
  })
})

describe('a header that claims to be huge', () => {
  it('is refused after the first chunk, whatever the file’s size', async () => {
    const bytes = ggufFile({ metadata: { note: { text: 'x'.repeat(100) } }, tensors: {} })
    // The length of the value: magic, version, two counts, the key with its length, the value's type.
    const lengthAt = 4 + 4 + 16 + 8 + 'note'.length + 4
    new DataView(bytes.buffer).setBigUint64(lengthAt, 3_000_000_000n, true)
    let fetched = 0
    const source = {
      bytes: 4_000_000_000,
      async read(_begin: number, into: Uint8Array) {
        fetched += into.length
        into.set(bytes)
      },
      close: async () => {},
    }
    const file = new ChunkedFile({
      name: 'huge.gguf',
      source,
      chunkBytes,
      keeping: null,
      sha256: null,
      complete: false,
    })
    const { signal } = new AbortController()
    const reading = readBeginning(file, readGgufHeader, 64_000_000, signal)
    await expect(reading).rejects.toMatchObject({
      code: 'malformed-file',
      message: /huge\.gguf: Its header claims/,
    })
    expect(fetched).toBe(chunkBytes)
  })
})
