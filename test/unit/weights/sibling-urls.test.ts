import 'fake-indexeddb/auto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sendRange } from '../../../scripts/hub/send-range'
import { isWhole, load, onDisk, open } from './loading'
import { endToEnd, indexName, type RepoFiles, shardedSafetensors, splitGguf } from './several-files'

describe('a URL of one of several files', () => {
  let server: Server
  let origin: string
  let requests: string[]
  let served: RepoFiles
  /** What the server answers where it has no such file. */
  let otherwise: { readonly status: number; readonly type: string }

  beforeEach(async () => {
    globalThis.indexedDB = new IDBFactory()
    requests = []
    otherwise = { status: 404, type: 'text/plain' }
    server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      requests.push(url.pathname)
      const name = url.pathname.split('/').at(-1)!
      const bytes = served[name]
      if (!bytes || url.search !== '?key=1') {
        response.writeHead(otherwise.status, { 'Content-Type': otherwise.type }).end('<!doctype html>')
        return
      }
      sendRange(request, response, { source: onDisk(name, bytes), bytes: bytes.length }, { ETag: '"1"' })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it.each([
    ['a GGUF part', splitGguf(), 'big-Q4_0-00002-of-00003.gguf'],
    ['an index', shardedSafetensors(), indexName],
    ['a safetensors file', shardedSafetensors(), 'model-00001-of-00003.safetensors'],
  ])('gets the others beside it, once: %s', async (_, files, name) => {
    served = files
    const url = `${origin}/models/${name}?key=1`
    expect(isWhole(await load(url), endToEnd(files))).toBe(true)
    requests.length = 0
    expect(isWhole(await load(url), endToEnd(files))).toBe(true)
    expect(requests).toEqual([])
  })

  it('takes a refusal and a web page for a file that is not there', async () => {
    served = shardedSafetensors()
    for (const answer of [
      { status: 403, type: 'application/xml' },
      { status: 200, type: 'text/html; charset=utf-8' },
    ]) {
      otherwise = answer
      globalThis.indexedDB = new IDBFactory()
      const { header } = await open(`${origin}/${indexName}?key=1`)
      expect(header).toMatchObject({ texts: { generationConfig: null, chatTemplate: 'a template' } })
    }
  })

  it('says what is missing', async () => {
    const { 'config.json': _, ...rest } = shardedSafetensors()
    served = rest
    const opening = open(`${origin}/${indexName}?key=1`)
    await expect(opening).rejects.toMatchObject({ code: 'not-found', message: /config\.json is missing/ })
  })
})
