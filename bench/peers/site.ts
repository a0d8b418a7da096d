import { existsSync, statSync } from 'node:fs'
import { extname, join, normalize, resolve } from 'node:path'
import { createServer, type Plugin, type ViteDevServer } from 'vite'
import { sendRange } from '../../scripts/hub/send-range.ts'

/** What is served as it is, by the beginning of its path: a folder, or one file. */
export type Served = Readonly<Record<string, string>>

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
}

/** Threads of wasm need an isolated page. All peers' pages are. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'cross-origin',
}

/** Serves the peers' page, and beside it the files, with Range requests; nothing is kept in the browser's HTTP cache. */
export async function startSite(served: Served): Promise<{ server: ViteDevServer; origin: string }> {
  const server = await createServer({
    root: resolve(import.meta.dirname, 'page'),
    configFile: false,
    logLevel: 'error',
    cacheDir: resolve(import.meta.dirname, '../../node_modules/.vite-peers'),
    plugins: [serveFiles(served)],
    // The page imports nothing that would have to be bundled.
    optimizeDeps: { noDiscovery: true, include: [] },
    server: { port: 0, host: 'localhost', watch: null, hmr: false, headers: isolation },
  })
  await server.listen()
  const address = server.httpServer?.address()
  if (!address || typeof address === 'string') throw new Error('the server has no port')
  return { server, origin: `http://localhost:${address.port}` }
}

function serveFiles(served: Served): Plugin {
  return {
    name: 'octavo-peers',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
        const prefix = Object.keys(served).find((each) => path.startsWith(each))
        if (prefix === undefined) return next()
        const place = normalize(served[prefix]!)
        const source = normalize(join(place, path.slice(prefix.length)))
        if (!source.startsWith(place) || !existsSync(source) || !statSync(source).isFile()) {
          response.writeHead(404, isolation).end()
          return
        }
        sendRange(
          request,
          response,
          { source, bytes: statSync(source).size },
          {
            ...isolation,
            'Cache-Control': 'no-store',
            'Content-Type': types[extname(source)] ?? 'application/octet-stream',
          },
        )
      })
    },
  }
}
