import { basename, join } from 'node:path'
import { type Plugin, preview } from 'vite'
import { createLocalHub } from './hub/local-hub.ts'
import { type LocalModel, modelBytes } from './model.ts'

const root = join(import.meta.dirname, '..')
/** Where the local Hub lies beside the page. */
const hubBase = '/hub'

/** What the page learns of this server: which model to offer, and at which Hub to get it. */
export interface DemoOffer {
  /** Base URL of the Hub, on this server. */
  readonly endpoint: string
  /** `owner/name:QUANT` */
  readonly model: string
  readonly bytes: number
  readonly license: string
}

export interface DemoServer {
  readonly url: string
  close(): Promise<void>
}

/** Serves the built demo, the model as a Hub would, and `octavo.json`, which tells the page of it. */
export async function serveDemo(model: LocalModel, port: number): Promise<DemoServer> {
  const bytes = await modelBytes(model)
  const hub = createLocalHub({
    base: hubBase,
    repos: [{ repo: model.repo, files: { [basename(model.file)]: model.file } }],
  })
  const plugin: Plugin = {
    name: 'octavo-demo-server',
    configurePreviewServer({ middlewares }) {
      middlewares.use(hub)
      middlewares.use('/octavo.json', (request, response) => {
        const { license } = model
        const endpoint = `http://${request.headers.host}${hubBase}`
        const offer: DemoOffer = { endpoint, model: `${model.repo}:${model.tag}`, bytes, license }
        response.setHeader('Content-Type', 'application/json')
        response.setHeader('Cache-Control', 'no-store')
        response.end(JSON.stringify(offer))
      })
    },
  }
  const server = await preview({
    configFile: false,
    root: join(root, 'demo'),
    logLevel: 'error',
    plugins: [plugin],
    build: { outDir: join(root, 'dist-demo') },
    preview: { host: 'localhost', port, strictPort: false },
  })
  const url = server.resolvedUrls?.local[0]
  if (!url) throw new Error('The server has no address.')
  return { url, close: () => server.close() }
}
