import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, normalize, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Plugin } from 'vite'
import { createLocalHub, type HubHandler } from '../../scripts/hub/local-hub.ts'
import { sendRange } from '../../scripts/hub/send-range.ts'
import { tinyModel } from './tiny-model.ts'

const root = resolve(import.meta.dirname, '../..')

/** Folders that a test page can fetch from: reference data of the project, and the cache with the real model. */
const folders: Readonly<Record<string, string>> = {
  '/golden/': join(root, 'test/golden'),
  '/cache/': join(root, '.cache'),
  ...(process.env.OCTAVO_GOLDEN ? { '/shared-golden/': resolve(process.env.OCTAVO_GOLDEN) } : {}),
}

/** Where files that are kept compressed lie unpacked, by what they are called without their ending. */
const unpacked = new Map<string, string>()

/** The file itself, or `FILE.gz` unpacked; null where there is neither. */
function plainFile(file: string): string | null {
  if (existsSync(file)) return file
  if (!existsSync(`${file}.gz`)) return null
  const known = unpacked.get(file)
  if (known !== undefined) return known
  const made = join(mkdtempSync(join(tmpdir(), 'octavo-golden-')), 'file')
  writeFileSync(made, gunzipSync(readFileSync(`${file}.gz`)))
  unpacked.set(file, made)
  return made
}

/** A repo of a local Hub under /hub/: the tiny model in one GGUF file. */
function tinyHub(): HubHandler {
  const file = join(mkdtempSync(join(tmpdir(), 'octavo-tiny-')), 'tiny-Q4_1.gguf')
  writeFileSync(file, tinyModel().file)
  return createLocalHub({
    base: '/hub',
    repos: [{ repo: 'test/tiny-GGUF', files: { 'tiny-Q4_1.gguf': file } }],
  })
}

/**
 * Serves test data, with Range requests, beside the test page, and a Hub with the tiny model; what is kept as `.gz` is
 * served as it was.
 */
export function serveTestFiles(): Plugin {
  return {
    name: 'octavo-test-files',
    configureServer(server) {
      server.middlewares.use(tinyHub())
      server.middlewares.use((request, response, next) => {
        const path = new URL(request.url ?? '/', 'http://localhost').pathname
        const prefix = Object.keys(folders).find((each) => path.startsWith(each))
        if (!prefix) return next()
        const asked = normalize(join(folders[prefix]!, decodeURIComponent(path.slice(prefix.length))))
        const file = asked.startsWith(folders[prefix]!) ? plainFile(asked) : null
        if (file === null) {
          response.writeHead(404).end()
          return
        }
        sendRange(request, response, { source: file, bytes: statSync(file).size }, {})
      })
    },
  }
}
