import 'fake-indexeddb/auto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sendRange } from '../../../scripts/hub/send-range'
import { chooseModel } from '../../../src/weights/choose-model'
import { ChunkStore } from '../../../src/weights/chunk-store'
import { parseReference } from '../../../src/weights/reference'
import { HubServer } from '../../support/hub-server'
import { chunkCount, isWhole, load, makeModel, modelBytes, onDisk, open } from './loading'

describe('a model reference', () => {
  const hub = (repo: string, revision: string, tag: string | null) => ({ kind: 'hub', repo, revision, tag })
  it.each([
    ['owner/name', hub('owner/name', 'main', null)],
    [' owner/name ', hub('owner/name', 'main', null)],
    ['owner/name:Q4_K_M', hub('owner/name', 'main', 'Q4_K_M')],
    ['owner/name@v1.0', hub('owner/name', 'v1.0', null)],
    ['owner/name@refs/pr/1', hub('owner/name', 'refs/pr/1', null)],
    ['owner/name@v1:Q8_0', hub('owner/name', 'v1', 'Q8_0')],
    ['owner/name:Q8_0@v1', hub('owner/name', 'v1', 'Q8_0')],
    ['https://huggingface.co/o/n/resolve/main/sub/a%20b.gguf', hub('o/n', 'main', 'sub/a b.gguf')],
    ['https://huggingface.co/o/n/blob/refs%2Fpr%2F1/a.gguf?download=true', hub('o/n', 'refs/pr/1', 'a.gguf')],
    ['https://mirror.example/hf/o/n/resolve/main/a.gguf', hub('o/n', 'main', 'a.gguf')],
    ['https://files.example/a.gguf?key=1', { kind: 'url', url: 'https://files.example/a.gguf?key=1' }],
  ])('%s means what it says', (text, expected) => {
    expect(parseReference(text, 'https://mirror.example/hf')).toEqual(expected)
  })

  it.each([
    '',
    'name',
    'a/b/c',
    'owner/name:',
    'owner/name@',
    'a/b@v1@v2',
    'a/b:Q4:Q5',
    'ftp://x/y.gguf',
    'https://',
    'https://huggingface.co/o/n/resolve/main/50%.gguf',
  ])('%j is none, and is refused', (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })
})

describe('a quantization', () => {
  const repo = 'owner/name'
  const choose = (paths: readonly string[], tag: string | null = null) =>
    chooseModel(paths, { where: repo, tag })

  it('is Q4_K_M where none is named, else Q8_0, else the first', () => {
    expect(choose(['m-IQ2_M.gguf', 'm-Q8_0.gguf', 'm-q4_k_m.gguf'])).toBe('m-q4_k_m.gguf')
    expect(choose(['m-IQ2_M.gguf', 'm-Q8_0.gguf'])).toBe('m-Q8_0.gguf')
    expect(choose(['m-Q6_K.gguf', 'm-IQ2_M.gguf'])).toBe('m-IQ2_M.gguf')
  })

  it('is found in any case, in the name and not in the folder’s', () => {
    expect(choose(['q8_0/m-q5_0.gguf', 'm-Q8_0.gguf'], 'q8_0')).toBe('m-Q8_0.gguf')
    expect(choose(['a/m-Q4_0.gguf', 'b.Q4_1.gguf'], 'Q4_1')).toBe('b.Q4_1.gguf')
    expect(choose(['m-Q4_K_M.gguf', 'm-Q4_K.gguf'], 'Q4_K')).toBe('m-Q4_K.gguf')
  })

  it('is no projector, importance matrix or draft model', () => {
    const parts = ['mmproj-m-Q8_0.gguf', 'm.imatrix-Q8_0.gguf', 'mtp-m-Q8_0.gguf', 'eagle3-m-Q8_0.gguf']
    expect(choose([...parts, 'z-Q8_0.gguf'])).toBe('z-Q8_0.gguf')
    expect(() => choose(parts)).toThrow(/no GGUF file/)
  })
})

describe('a repo’s model', () => {
  const choose = (paths: readonly string[], tag: string | null = null) =>
    chooseModel(paths, { where: 'owner/name', tag })
  const index = 'model.safetensors.index.json'
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']

  it('is the GGUF model where there is one, else the safetensors model', () => {
    expect(choose(['model.safetensors', 'config.json', 'm-Q4_0.gguf'])).toBe('m-Q4_0.gguf')
    expect(choose(['model.safetensors', 'config.json'])).toBe('model.safetensors')
    expect(choose(['config.json', ...shards, index])).toBe(index)
    expect(choose(['model.safetensors', ...shards, index])).toBe('model.safetensors')
    expect(choose(['config.json', 'gptq_model-4bit-128g.safetensors'])).toBe(
      'gptq_model-4bit-128g.safetensors',
    )
    expect(choose(shards)).toBe(shards[0])
  })

  it('in safetensors beside GGUF is had by naming the format or a file, also one in a folder', () => {
    const paths = [
      'm-Q4_0.gguf',
      index,
      ...shards,
      'sub/model.safetensors',
      `sub/deep/${shards[1]}`,
      `sub/deep/${index}`,
    ]
    expect(choose(paths, 'safetensors')).toBe(index)
    expect(choose(paths, shards[1])).toBe(index)
    expect(choose(paths, 'sub/model.safetensors')).toBe('sub/model.safetensors')
    expect(choose(paths, `sub/deep/${shards[1]}`)).toBe(`sub/deep/${index}`)
  })

  it('that is split is one model, named by its first part', () => {
    const paths = ['m-Q8_0-00002-of-00002.gguf', 'm-Q8_0-00001-of-00002.gguf', 'm-F16.gguf']
    expect(choose(paths)).toBe('m-Q8_0-00001-of-00002.gguf')
    expect(choose(paths, 'q8_0')).toBe('m-Q8_0-00001-of-00002.gguf')
  })

  it.each([
    [['pytorch_model.bin', 'config.json'], null, /pytorch_model\.bin of owner\/name is a PyTorch checkpoint/],
    [['a.gguf', 'consolidated.00.pth'], 'consolidated.00.pth', /consolidated\.00\.pth .* PyTorch checkpoint/],
    [
      ['adapter_model.safetensors', 'adapter_config.json'],
      null,
      /adapter_model\.safetensors only changes another/,
    ],
    [['a.safetensors', 'b.safetensors'], null, /several safetensors files/],
    [['README.md'], null, /no GGUF file and no model\.safetensors/],
    [['model.safetensors'], 'Q4_0', /no file for 'Q4_0'/],
  ])('is refused where there is none: %j', (paths, tag, message) => {
    expect(() => choose(paths, tag)).toThrow(
      expect.objectContaining({ code: 'not-found', message: expect.stringMatching(message) }),
    )
  })
})

describe('a URL', () => {
  const path = onDisk('plain.gguf', modelBytes)
  let server: Server
  let url: string
  let requests: (string | undefined)[]
  let file = { source: path, bytes: modelBytes.length }
  let headers: Record<string, string> = { ETag: '"1"' }
  let ranges = true

  beforeEach(async () => {
    globalThis.indexedDB = new IDBFactory()
    requests = []
    file = { source: path, bytes: modelBytes.length }
    headers = { ETag: '"1"' }
    ranges = true
    server = createServer((request, response) => {
      requests.push(request.headers.range)
      if (request.url !== '/m.gguf') {
        response.writeHead(404).end()
        return
      }
      if (!ranges) delete request.headers.range
      sendRange(request, response, file, headers)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/m.gguf`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('of a file is loaded by ranges, and the second time without a request', async () => {
    const loaded = await load(url)
    expect(isWhole(loaded)).toBe(true)
    expect(loaded.model.source).toEqual({ reference: url, repo: null, revision: null, file: 'm.gguf' })
    // One to find the size.
    expect(requests.length).toBe(1 + chunkCount)
    requests.length = 0
    expect(isWhole(await load(url))).toBe(true)
    expect(requests).toEqual([])
  })

  it('of a server without ranges is loaded by one stream', async () => {
    ranges = false
    expect(isWhole(await load(url))).toBe(true)
    // To find the size, for the header, for the weights.
    expect(requests.length).toBe(3)
  })

  it('whose file changes between two loads is loaded anew', async () => {
    const stop = new AbortController()
    const model = await open(url)
    const sink = { write: async () => stop.abort() }
    const streaming = model.stream(sink, { signal: stop.signal, onProgress: () => {} })
    await expect(streaming).rejects.toMatchObject({ code: 'aborted' })
    const changed = makeModel(3)
    file = { source: onDisk('plain-changed.gguf', changed), bytes: changed.length }
    headers = { ETag: '"2"' }
    expect(isWhole(await load(url), changed)).toBe(true)
  })

  it('whose file changes after it was stored, and of which a chunk is lost then, is loaded anew by the next load', async () => {
    await load(url)
    const store = (await ChunkStore.open())!
    const { files } = (await store.manifest(url))!
    await store.deleteChunk(files[0]!.file, 7)
    const changed = makeModel(4)
    file = { source: onDisk('plain-changed-later.gguf', changed), bytes: changed.length }
    headers = { ETag: '"3"' }
    await expect(load(url)).rejects.toMatchObject({ message: expect.stringContaining('changed while') })
    expect(isWhole(await load(url), changed)).toBe(true)
  })

  it('that hides Content-Range tells its size by its length', async () => {
    const plain = createServer((request, response) => {
      const { writeHead } = response
      response.writeHead = ((code: number, { 'Content-Range': _, ...rest }: Record<string, string>) =>
        writeHead.call(response, code, rest)) as typeof writeHead
      sendRange(request, response, file, headers)
    })
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/m.gguf`
    expect(isWhole(await load(address))).toBe(true)
    plain.closeAllConnections()
    plain.close()
  })

  it('of nothing is refused, with the URL', async () => {
    const missing = url.replace('m.gguf', 'other.gguf')
    await expect(open(missing)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(missing),
    })
  })

  it('gets the token only at the Hub’s own origin', async () => {
    const repo = 'owner/small-GGUF'
    const hub = await HubServer.start({
      repos: [{ repo, files: { 'a.gguf': path }, access: 'private' }],
      tokens: ['good'],
    })
    const resolve = `${hub.endpoint}/${repo}/resolve/main/a.gguf`
    await expect(open(resolve, { token: 'good' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(hub.log.map(({ authorization }) => authorization)).toEqual([null])
    expect(isWhole(await load(resolve, { endpoint: hub.endpoint, token: 'good' }))).toBe(true)
    await hub.close()
  })
})

describe('a File', () => {
  it('is read in place, and nothing of it is kept', async () => {
    globalThis.indexedDB = new IDBFactory()
    const loaded = await load(new File([modelBytes], 'mine.gguf'))
    expect(isWhole(loaded)).toBe(true)
    expect(loaded.model.source).toEqual({
      reference: 'mine.gguf',
      repo: null,
      revision: null,
      file: 'mine.gguf',
    })
    expect(await indexedDB.databases()).toEqual([])
  })

  it('that is no model is refused', async () => {
    await expect(open(new File(['<html>'], 'page.gguf'))).rejects.toMatchObject({ code: 'malformed-file' })
    await expect(open(new File([], 'empty.gguf'))).rejects.toMatchObject({ code: 'malformed-file' })
  })

  it('that can no longer be read is told by its name', async () => {
    const gone = new File([modelBytes], 'gone.gguf')
    const model = await open(gone)
    gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('NotReadable')) }) as unknown as Blob
    const streaming = model.stream(
      { write: async () => {} },
      { signal: new AbortController().signal, onProgress: () => {} },
    )
    await expect(streaming).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('gone.gguf'),
    })
  })
})
