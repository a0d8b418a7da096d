import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createLocalHub,
  type HubHandler,
  type LocalHubOptions,
  type LocalRepo,
} from '../../scripts/hub/local-hub.ts'
import { requestedRange } from '../../scripts/hub/send-range.ts'
import type { Fault } from './hub-faults.ts'

/** A request that the server got, and how it was answered. */
export interface LoggedRequest {
  readonly to: 'hub' | 'cdn'
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** First and last byte that were asked for. */
  readonly range: readonly [number, number] | null
  readonly authorization: string | null
  /** 0 until there is an answer. */
  status: number
}

interface Injection {
  readonly where: Partial<Pick<LoggedRequest, 'to'>> & { path?: RegExp; from?: number }
  readonly fault: Fault
  left: number
}

/**
 * The local Hub on two origins of its own, hub and CDN (a page is served from a third), with a log of its requests and
 * faults that tests inject.
 *
 * @example
 * const server = await HubServer.start({ repos })
 * server.inject({ to: 'cdn', from: 8192 }, cutAfter(100))   // the first range from byte 8192 on breaks off, once
 * await openModel('owner/name', { hub: { endpoint: server.endpoint, token: null }, signal })
 * expect(server.log.map(({ range }) => range)).toEqual(…)
 * await server.close()
 */
export class HubServer {
  /** Every request since the start or the last `log.length = 0`. */
  readonly log: LoggedRequest[] = []
  readonly #injections: Injection[] = []
  #delayMs = 0
  #handler: HubHandler

  private constructor(
    readonly options: Omit<LocalHubOptions, 'base' | 'cdnOrigin'>,
    readonly hub: Server,
    readonly cdn: Server,
  ) {
    this.#handler = this.#handle(options.repos)
    hub.on('request', (request, response) => this.#answer('hub', request, response))
    cdn.on('request', (request, response) => this.#answer('cdn', request, response))
  }

  static async start(options: Omit<LocalHubOptions, 'base' | 'cdnOrigin'>): Promise<HubServer> {
    return new HubServer(options, await listening(), await listening())
  }

  /** The Hub's address: `http://127.0.0.1:PORT`. */
  get endpoint(): string {
    return originOf(this.hub)
  }

  get cdnOrigin(): string {
    return originOf(this.cdn)
  }

  /** Ranges of the file that the CDN was asked for, in the order of their places. */
  get ranges(): readonly (readonly [number, number])[] {
    return this.log
      .filter(({ to, range, method }) => to === 'cdn' && range !== null && method === 'GET')
      .map(({ range }) => range!)
      .sort((a, b) => a[0] - b[0])
  }

  /** Serves other content from now on, as after a push. */
  setRepos(repos: readonly LocalRepo[]): void {
    this.#handler = this.#handle(repos)
  }

  /** Spoils the next `times` requests to that origin, path and range (`from`: its first byte, or one behind it). */
  inject(where: Injection['where'], fault: Fault, times = 1): void {
    this.#injections.push({ where, fault, left: times })
  }

  /** Ends all faults. */
  heal(): void {
    this.#injections.length = 0
    this.#delayMs = 0
  }

  /** Makes the CDN wait before each answer, so that a test can act in the middle of a download. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  async close(): Promise<void> {
    for (const server of [this.hub, this.cdn]) {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
  }

  #handle(repos: readonly LocalRepo[]): HubHandler {
    return createLocalHub({ ...this.options, repos, cdnOrigin: this.cdnOrigin })
  }

  #answer(to: 'hub' | 'cdn', ...[request, response]: Parameters<HubHandler>): void {
    const entry = logged(to, request)
    this.log.push(entry)
    response.on('close', () => {
      entry.status = response.headersSent ? response.statusCode : 0
    })
    const answer = () => {
      const injection = this.#injections.find((each) => each.left > 0 && applies(each, entry))
      if (injection) {
        injection.left -= 1
        if (injection.fault(request, response)) return
      }
      this.#handler(request, response)
    }
    if (to === 'cdn' && this.#delayMs > 0) setTimeout(answer, this.#delayMs)
    else answer()
  }
}

async function listening(): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function logged(to: 'hub' | 'cdn', request: IncomingMessage): LoggedRequest {
  return {
    to,
    method: request.method ?? '',
    path: request.url ?? '',
    range: requestedRange(request.headers.range, Number.MAX_SAFE_INTEGER),
    authorization: request.headers.authorization ?? null,
    status: 0,
  }
}

function applies({ where }: Injection, entry: LoggedRequest): boolean {
  if (entry.method === 'OPTIONS') return false
  return (
    (where.to ?? entry.to) === entry.to &&
    (where.path?.test(entry.path) ?? true) &&
    (where.from === undefined || (entry.range !== null && entry.range[0] >= where.from))
  )
}
