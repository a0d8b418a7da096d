import { resolve } from 'node:path'
import { createServer, type InlineConfig, type ViteDevServer } from 'vite'
import { serveTestFiles } from '../test/support/test-files.ts'

const root = resolve(import.meta.dirname, '..')

const common: InlineConfig = {
  root,
  configFile: false,
  logLevel: 'error',
  cacheDir: resolve(root, 'node_modules/.vite-bench'),
  worker: { format: 'es' },
}

/** Serves the sources, and the model under /cache/, on a free port of this machine. */
export async function startServer(): Promise<{ server: ViteDevServer; origin: string }> {
  const server = await createServer({
    ...common,
    plugins: [serveTestFiles()],
    server: { port: 0, host: 'localhost', watch: null },
    optimizeDeps: {
      // Not the demo's page, whose imports this server does not know.
      entries: ['bench/page.html'],
      // Found at the first import otherwise, which reloads the page in the middle of a run.
      include: [
        '@huggingface/jinja',
        '@huggingface/tokenizers',
        '@noble/hashes/sha2.js',
        'comlink',
        'idb-keyval',
        'wesl/core',
      ],
    },
  })
  await server.listen()
  const address = server.httpServer?.address()
  if (!address || typeof address === 'string') throw new Error('the server has no port')
  return { server, origin: `http://localhost:${address.port}` }
}

/** Loads the sources into this process, since shaders come in through Vite's import.meta.glob. */
export function startLoader(): Promise<ViteDevServer> {
  return createServer({
    ...common,
    server: { middlewareMode: true, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true, include: [] },
  })
}
