import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { beforeEach, describe, expect, it } from 'vitest'
import { BlobSource } from '../../../src/weights/byte-source'
import { fingerprint } from '../../../src/weights/fingerprint'
import { HubServer } from '../../support/hub-server'
import { makeModel, modelBytes, onDisk, open } from './loading'

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory()
})

const { signal } = new AbortController()

describe('the identity of a model’s content', () => {
  it('is the same for a file of the Hub whatever it is called, and another for another file', async () => {
    const repos = Object.entries({
      'a/first': modelBytes,
      'b/copy': modelBytes,
      'c/other': makeModel(2),
    }).map(([repo, bytes]) => ({ repo, files: { 'model-Q8_0.gguf': onDisk(repo.replace('/', '-'), bytes) } }))
    const server = await HubServer.start({ repos })
    const [first, copy, other] = await Promise.all(
      repos.map(async ({ repo }) => (await open(repo, server)).content),
    )
    expect(copy).toBe(first)
    expect(other).not.toBe(first)
    await server.close()
  })

  it('is the same for a picked file whatever it is called, and another for another of its size', async () => {
    const contentOf = async (name: string, bytes: Uint8Array<ArrayBuffer>) =>
      (await open(new File([bytes], name))).content
    const first = await contentOf('a.gguf', modelBytes)
    expect(await contentOf('b.gguf', modelBytes)).toBe(first)
    const other = makeModel(2)
    expect(other.length).toBe(modelBytes.length)
    expect(await contentOf('a.gguf', other)).not.toBe(first)
  })

  it('depends on the first and the last bytes of a picked file of any size', async () => {
    for (const size of [1, 1000, 262_144, 262_145, 1_000_000]) {
      const print = (change: number | null) => {
        const bytes = new Uint8Array(size)
        if (change !== null) bytes[change] = 1
        return fingerprint(new BlobSource(new File([bytes], 'a')), signal)
      }
      const prints = await Promise.all([null, 0, size - 1].map(print))
      expect(new Set(prints).size).toBe(size === 1 ? 2 : 3)
    }
  })
})
