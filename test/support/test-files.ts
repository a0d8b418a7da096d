import { existsSync, statSync } from 'node:fs'
import { join, normalize, resolve } from 'node:path'
import type { Plugin } from 'vite'
import { sendRange } from '../../scripts/hub/send-range.ts'

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
        sendRange(request, response, { source: file, bytes: statSync(file).size }, {})
      })
    },
  }
}
