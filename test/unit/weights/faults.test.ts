import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChunkStore } from '../../../src/weights/chunk-store'
import {
  cutAfter,
  type Fault,
  flippedBit,
  gzipped,
  header,
  noBytes,
  shifted,
  shorter,
  stallAfter,
  status,
  wholeFile,
} from '../../support/hub-faults'
import { HubServer } from '../../support/hub-server'
import { chunkBytes, chunkCount, expectResume, isWhole, load, modelBytes, onDisk, open } from './loading'

const repo = 'owner/small-GGUF'
const file = 'small-Q8_0.gguf'
const files = { [file]: onDisk(file, modelBytes), 'README.md': onDisk('README.md', new Uint8Array(9)) }
let server: HubServer

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  server = await HubServer.start({ repos: [{ repo, files }], tokens: ['good'] })
})
afterEach(() => server.close())

/** Loads are over before the faults end: everything after chunk 5 stands for the middle of a download. */
const middle = { to: 'cdn', from: 5 * chunkBytes } as const
const always = Number.POSITIVE_INFINITY

describe('a fault that passes', () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ['500', status(500)],
    ['503', status(503)],
    ['429 that says when to come back', status(429, { 'Retry-After': '1' })],
    ['403 of a signed address that has expired', status(403, {}, '<Error/>')],
    ['a connection that is reset at once', cutAfter(0)],
    ['a connection that is cut in the middle of a chunk', cutAfter(5000)],
    ['a connection that stalls', stallAfter(3000)],
    ['206 without a byte', noBytes],
    ['206 with too few bytes', shorter(4000)],
    ['206 with bytes from elsewhere', shifted(64)],
    ['200 with the whole file', wholeFile],
  ]
  it.each(faults)('is not seen: %s', async (_, fault) => {
    server.inject(middle, fault, 1)
    server.inject({ to: 'cdn', from: 9 * chunkBytes }, fault, 1)
    const platform = { stallMs: 300 }
    expect(isWhole(await load(repo, { endpoint: server.endpoint, platform }))).toBe(true)
  })

  it('lets a chunk go on at the byte that was reached', async () => {
    server.inject(middle, cutAfter(5000))
    await load(repo, server)
    const within = server.ranges.filter(([first]) => first % chunkBytes !== 0)
    expect(within.map(([first]) => first % chunkBytes)).toEqual([5000])
  })

  it('is not seen in the Hub’s listings either', async () => {
    for (const fault of [status(503), cutAfter(40), gzipped])
      server.inject({ to: 'hub', path: /\/tree\// }, fault)
    expect(isWhole(await load(repo, server))).toBe(true)
  })

  it('is waited for, longer each time', async () => {
    const waits: number[] = []
    const wait = async (ms: number) => void waits.push(ms)
    server.inject({ to: 'hub', path: /\/revision\// }, status(503), 4)
    server.inject({ to: 'hub', path: /\/tree\// }, status(429, { 'Retry-After': '7' }), 1)
    await load(repo, { endpoint: server.endpoint, platform: { wait } })
    expect(waits.length).toBe(5)
    for (const [n, ms] of waits.slice(0, 4).entries()) {
      expect(ms).toBeGreaterThanOrEqual(250 * 2 ** n)
      expect(ms).toBeLessThanOrEqual(500 * 2 ** n)
    }
    expect(waits[4]).toBe(7000)
  })
})

describe('a fault that stays', () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ['500', status(500)],
    ['429', status(429)],
    ['403 of signed addresses', status(403, {}, '<Error/>')],
    ['connections that are reset', cutAfter(0)],
    ['connections that stall', stallAfter(0)],
    ['206 without a byte', noBytes],
    ['206 with bytes from elsewhere', shifted(64)],
  ]
  it.each(faults)('ends the load, names the URL and says what is kept: %s', async (_, fault) => {
    server.inject(middle, fault, always)
    const loading = load(repo, { endpoint: server.endpoint, platform: { stallMs: 50 } })
    await expect(loading).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/small-Q8_0\.gguf.* 0\.\d MB of 0\.3 MB are kept on this device/),
    })
    await expectResume(server, repo)
  })

  it('with nothing kept says so', async () => {
    server.inject(middle, status(500), always)
    const platform = { openStore: async () => null }
    await expect(load(repo, { endpoint: server.endpoint, platform })).rejects.toThrow(
      /Nothing of it could be kept/,
    )
  })
})

describe('a refusal of the Hub', () => {
  const refusals: readonly (readonly [string, string, string | null, object])[] = [
    [
      'a repo that is not there',
      'owner/other',
      null,
      { code: 'unauthorized', message: /owner\/other.*private/ },
    ],
    ['the same with a token', 'owner/other', 'good', { code: 'not-found', message: /does not exist/ }],
    ['a revision that is not there', `${repo}@v9`, null, { code: 'not-found', message: /no such revision/ }],
    ['a quantization that is not there', `${repo}:Q3_K`, null, { code: 'not-found', message: /Q3_K/ }],
    [
      'a file that is not there',
      `${repo}:none.gguf`,
      null,
      { code: 'not-found', remedy: /small-Q8_0\.gguf/ },
    ],
  ]
  it.each(refusals)('is told with its cause: %s', async (_, reference, token, expected) => {
    const opening = open(reference, { endpoint: server.endpoint, token })
    await expect(opening).rejects.toMatchObject(
      Object.fromEntries(
        Object.entries(expected).map(([key, value]) => [
          key,
          value instanceof RegExp ? expect.stringMatching(value) : value,
        ]),
      ),
    )
  })

  it('to a gated repo says to accept its terms', async () => {
    server.setRepos([{ repo, files, access: 'gated' }])
    await expect(open(repo, server)).rejects.toMatchObject({ code: 'unauthorized', remedy: /terms/ })
  })

  it('of the Hub’s own address is not passed to another host, whatever a Link says', async () => {
    const small = await HubServer.start({ repos: [{ repo, files }], pageSize: 1 })
    small.inject(
      { to: 'hub', path: /\/tree\// },
      header('Link', (link) => link.replace(/127\.0\.0\.1:\d+/, 'far.invalid')),
    )
    expect(isWhole(await load(repo, small))).toBe(true)
    await small.close()
  })
})

describe('a file that changes while it is loaded', () => {
  it.each([
    ['ETag', header('ETag', '"other"')],
    ['size', header('Content-Range', (range) => range.replace(/\d+$/, '999999'))],
  ] as const)('is noticed by its %s', async (_, fault) => {
    server.inject(middle, fault)
    await expect(load(repo, server)).rejects.toMatchObject({ code: 'network', message: /changed while/ })
  })

  it('is noticed by its hash, and nothing of it is kept', async () => {
    server.inject(middle, flippedBit)
    await expect(load(repo, server)).rejects.toMatchObject({ code: 'malformed-file', message: /SHA-256/ })
    server.log.length = 0
    expect(isWhole(await load(repo, server))).toBe(true)
    expect(server.ranges.length).toBe(chunkCount)
  })

  it('is noticed by its hash where only a lost chunk of it is fetched again', async () => {
    await load(repo, server)
    const store = (await ChunkStore.open())!
    const { files } = (await store.manifest(`${server.endpoint}/${repo}@main:`))!
    await store.deleteChunk(files[0]!.file, 7)
    server.inject({ to: 'cdn', from: 7 * chunkBytes }, flippedBit)
    await expect(load(repo, server)).rejects.toMatchObject({ code: 'malformed-file', message: /SHA-256/ })
    expect(isWhole(await load(repo, server))).toBe(true)
  })

  it('into no model at all is refused, and nothing of it is kept', async () => {
    const page = new TextEncoder().encode(`<!doctype html>${' '.repeat(100)}`)
    server.setRepos([{ repo, files: { [file]: onDisk('page.gguf', page) } }])
    await expect(open(repo, server)).rejects.toMatchObject({ code: 'malformed-file', message: /web page/ })
    const store = (await ChunkStore.open())!
    expect(await store.manifest(`${server.endpoint}/${repo}@main:`)).toBeUndefined()
  })
})

describe('a server without ranges', () => {
  it('is read by one stream in order', async () => {
    server.inject({ to: 'cdn' }, wholeFile, always)
    expect(isWhole(await load(repo, server))).toBe(true)
    // Two to learn it, a stream for the header and one for the weights; answers to the first four workers may add some.
    expect(server.log.filter(({ to }) => to === 'cdn').length).toBeLessThanOrEqual(5)
    server.log.length = 0
    expect(isWhole(await load(repo, server))).toBe(true)
    expect(server.log).toEqual([])
  })

  it('is taken for one only where it does so again and again', async () => {
    server.inject(middle, wholeFile, 3)
    expect(isWhole(await load(repo, server))).toBe(true)
  })

  it('is asked again where its stream breaks, and the load goes on', async () => {
    server.inject(
      { to: 'cdn' },
      (request, response) => wholeFile(request, response) || cutAfter(200_000)(request, response),
      5,
    )
    server.inject({ to: 'cdn' }, wholeFile, always)
    expect(isWhole(await load(repo, server))).toBe(true)
  })

  it('that hides Content-Range is read all the same', async () => {
    server.inject({ to: 'cdn' }, header('Content-Range', null), always)
    expect(isWhole(await load(repo, server))).toBe(true)
  })
})
