import { existsSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { built, library } from '../../scripts/built.ts'
import { sendRange } from '../../scripts/hub/send-range.ts'

/** The built library in a subfolder of one origin, as on a CDN, and an empty page on another. */
export class LibrarySite {
  /** Names of the library's files that were asked for. */
  readonly served = new Set<string>()
  /** One that is not there. */
  missing: string | null = null

  private constructor(
    readonly pages: Server,
    readonly cdn: Server,
    /** Of the built library. */
    readonly folder: string,
  ) {}

  static async start(): Promise<LibrarySite> {
    const folder = await built(library)
    const pages = await listening()
    pages.on('request', (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' })
      response.end(
        '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>An app</title></html>',
      )
    })
    const cdn = await listening()
    const site = new LibrarySite(pages, cdn, folder)
    cdn.on('request', (request, response) => {
      response.setHeader('Access-Control-Allow-Origin', '*')
      const path = new URL(request.url ?? '/', 'http://localhost').pathname
      const file = normalize(join(folder, path.slice(subfolder.length)))
      const name = path.slice(subfolder.length)
      if (
        !path.startsWith(subfolder) ||
        !file.startsWith(folder) ||
        !existsSync(file) ||
        name === site.missing
      ) {
        response.writeHead(404).end()
        return
      }
      site.served.add(name)
      const type = file.endsWith('.js') ? 'text/javascript' : 'application/octet-stream'
      sendRange(request, response, { source: file, bytes: statSync(file).size }, { 'Content-Type': type })
    })
    return site
  }

  /** The app's page. */
  get page(): string {
    return `http://localhost:${portOf(this.pages)}/`
  }

  /** The library's entry, on its own origin. */
  get library(): string {
    return `http://127.0.0.1:${portOf(this.cdn)}${subfolder}index.js`
  }

  async close(): Promise<void> {
    for (const server of [this.pages, this.cdn]) {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
  }
}

const subfolder = '/npm/octavo@0.1.0/dist/'

async function listening(): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, resolve))
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
