import { createReadStream, existsSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join, normalize, resolve } from 'node:path'
import type { Plugin } from 'vite'

const root = resolve(import.meta.dirname, '../..')

/** Folders that a test page can fetch from: reference data of the project, and the cache with the real model. */
const folders: Readonly<Record<string, string>> = {
  '/golden/': join(root, 'test/golden'),
  '/cache/': join(root, '.cache'),
  ...(process.env.OCTAVO_GOLDEN ? { '/shared-golden/': resolve(process.env.OCTAVO_GOLDEN) } : {}),
}

/** Serves test data, with Range requests, beside the test page. */
export function serveTestFiles(): Plugin {
  return {
    name: 'octavo-test-files',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname
        const prefix = Object.keys(folders).find((each) => path.startsWith(each))
        if (!prefix) return next()
        const file = normalize(join(folders[prefix]!, decodeURIComponent(path.slice(prefix.length))))
        if (!file.startsWith(folders[prefix]!) || !existsSync(file)) {
          response.writeHead(404).end()
          return
        }
        sendFile(file, request, response)
      })
    },
  }
}

/** Answers with a file or the one range of it that was asked for. */
export function sendFile(file: string, request: IncomingMessage, response: ServerResponse): void {
  const { size } = statSync(file)
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const first = range ? Number(range[1]) : 0
  const last = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1
  if (range && first >= size) {
    response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end()
    return
  }
  response.writeHead(range ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': last - first + 1,
    'Accept-Ranges': 'bytes',
    ...(range ? { 'Content-Range': `bytes ${first}-${last}/${size}` } : {}),
  })
  if (request.method === 'HEAD' || size === 0) response.end()
  else createReadStream(file, { start: first, end: last }).pipe(response)
}
