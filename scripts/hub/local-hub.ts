import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeFile, type RepoFile } from './repo-file.ts'
import { sendRange } from './send-range.ts'

/** A repo that the local Hub serves from files of this machine. */
export interface LocalRepo {
  /** `owner/name` */
  readonly repo: string
  /** Commit sha (40 hex) of `main`; made from the repo's name and files where it is left out. */
  readonly revision?: string
  /** Paths on this machine, by path in the repo. */
  readonly files: Readonly<Record<string, string>>
  /** Who may fetch files: everybody, or only bearers of one of the Hub's tokens. A private repo also hides itself. */
  readonly access?: 'public' | 'gated' | 'private'
  /** As its model card says it. */
  readonly licence?: string
  /** Names that redirect here. */
  readonly formerNames?: readonly string[]
}

export interface LocalHubOptions {
  readonly repos: readonly LocalRepo[]
  /** Where the Hub is mounted, such as `/hub`; other paths go to `next`. Default: the root. */
  readonly base?: string
  /** Origin of the CDN that large files redirect to (the same handler answers there). Default: the Hub's own. */
  readonly cdnOrigin?: string
  /** Access tokens that are good. */
  readonly tokens?: readonly string[]
  /** Entries of a page of a listing. */
  readonly pageSize?: number
  /** How long a signed URL is good. */
  readonly signedSeconds?: number
}

export type HubHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void

const exposedByHub =
  'X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash'
const xetFileInfo = 'application/vnd.xet-fileinfo+json'
const cdnPath = '/xet-bridge-local/'

/**
 * A handler for Node's HTTP servers (and Vite's middlewares) that serves files of this machine as the Hugging Face Hub
 * serves its repos: `api/models/{repo}[/revision/{rev}]`, the tree in pages, and `resolve`, which sends small files by a
 * relative redirect and large ones through a signed URL of the CDN, with Range, CORS and error answers of the Hub.
 * Files are read once for their hashes, when their repo is first asked for.
 *
 * @example
 * const repos = [{ repo: 'owner/model-GGUF', files: { 'model-Q8_0.gguf': '/data/model-Q8_0.gguf' } }]
 * createServer(createLocalHub({ repos })).listen(8080)             // endpoint: http://localhost:8080
 * viteServer.middlewares.use(createLocalHub({ repos, base: '/hub' }))  // endpoint: <origin>/hub
 */
export function createLocalHub(options: LocalHubOptions): HubHandler {
  const hub = new LocalHub(options)
  return (request, response, next) => {
    const base = options.base ?? ''
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`)
    const path = url.pathname.slice(base.length)
    if (!url.pathname.startsWith(`${base}/`) || !hub.owns(path)) {
      if (next) next()
      else response.writeHead(404).end()
      return
    }
    hub.answer({ request, response, url, path }).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500)
      response.end(String(error))
    })
  }
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  /** Without the base. */
  readonly path: string
}

const apiPattern = /^\/api\/models\/([^/]+\/[^/]+)(?:\/revision\/([^/]+))?$/
const treePattern = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)(?:\/(.*))?$/
const cachePattern = /^\/api\/resolve-cache\/models\/([^/]+\/[^/]+)\/([^/]+)\/(.+)$/
const resolvePattern = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/

class LocalHub {
  readonly #described = new Map<LocalRepo, Promise<readonly RepoFile[]>>()
  readonly #options: LocalHubOptions

  constructor(options: LocalHubOptions) {
    this.#options = options
  }

  owns(path: string): boolean {
    return path.startsWith('/api/') || path.startsWith(cdnPath) || resolvePattern.test(path)
  }

  async answer(exchange: Exchange): Promise<void> {
    const { path, request, response } = exchange
    if (path.startsWith(cdnPath)) return this.#answerCdn(exchange)
    const { origin } = request.headers
    if (origin) response.setHeader('Access-Control-Allow-Origin', origin)
    response.setHeader('Vary', 'Origin')
    response.setHeader('Access-Control-Expose-Headers', exposedByHub)
    if (request.method === 'OPTIONS') return preflight(response)
    const info = apiPattern.exec(path)
    if (info) return this.#withRepo(exchange, info, (repo, sha) => this.#sendInfo(exchange, repo, sha))
    const tree = treePattern.exec(path)
    if (tree)
      return this.#withRepo(exchange, tree, (repo, sha) => this.#sendTree(exchange, repo, sha, tree[3] ?? ''))
    const cached = cachePattern.exec(path)
    if (cached)
      return this.#withRepo(exchange, cached, (repo, sha) =>
        this.#sendFile(exchange, repo, sha, cached[3]!, true),
      )
    const resolve = resolvePattern.exec(path)
    if (resolve)
      return this.#withRepo(exchange, resolve, (repo, sha) =>
        this.#sendFile(exchange, repo, sha, resolve[3]!, false),
      )
    refuse(response, 404, null, 'There is no such page.')
  }

  /** Finds the repo and revision of a path, or says that they are not there as the Hub does. */
  async #withRepo(
    exchange: Exchange,
    match: RegExpExecArray,
    send: (repo: LocalRepo, sha: string) => Promise<void>,
  ): Promise<void> {
    const { request, response, url } = exchange
    const name = match[1]!
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? null
    const known = bearer !== null && (this.#options.tokens ?? []).includes(bearer)
    if (bearer !== null && !known) {
      return refuse(response, 401, null, 'Invalid credentials in Authorization header')
    }
    const { repos } = this.#options
    const renamed = repos.find(
      ({ repo, formerNames }) =>
        formerNames?.includes(name) || (repo !== name && repo.toLowerCase() === name.toLowerCase()),
    )
    if (renamed) {
      const location = url.pathname.replace(name, renamed.repo) + url.search
      response.writeHead(307, { Location: location }).end()
      return
    }
    const repo = repos.find((each) => each.repo === name)
    if (!repo || (repo.access === 'private' && !known)) {
      if (known) return refuse(response, 404, 'RepoNotFound', 'Repository not found')
      return refuse(response, 401, null, 'Invalid username or password.')
    }
    if (repo.access === 'gated' && !known && !exchange.path.startsWith('/api/models/')) {
      return refuse(response, 401, 'GatedRepo', `Access to model ${name} is restricted.`)
    }
    const sha = commitOf(repo)
    const revision = decodeURIComponent(match[2] ?? 'main')
    if (revision !== 'main' && revision !== sha) {
      return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`)
    }
    response.setHeader('X-Repo-Commit', sha)
    await send(repo, sha)
  }

  #files(repo: LocalRepo): Promise<readonly RepoFile[]> {
    const known = this.#described.get(repo)
    if (known !== undefined) return known
    const described = Promise.all(
      Object.entries(repo.files).map(([path, source]) => describeFile(path, source)),
    )
    this.#described.set(repo, described)
    described.catch(() => this.#described.delete(repo))
    return described
  }

  async #sendInfo({ response }: Exchange, repo: LocalRepo, sha: string): Promise<void> {
    const siblings = Object.keys(repo.files).map((rfilename) => ({ rfilename }))
    const gated = repo.access === 'gated' ? 'auto' : false
    const card = repo.licence === undefined ? {} : { cardData: { license: repo.licence } }
    const info = {
      id: repo.repo,
      sha,
      private: repo.access === 'private',
      gated,
      disabled: false,
      siblings,
      ...card,
    }
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(info))
  }

  async #sendTree({ response, url }: Exchange, repo: LocalRepo, sha: string, folder: string): Promise<void> {
    const files = await this.#files(repo)
    const prefix = folder ? `${decodeURIComponent(folder)}/` : ''
    const recursive = url.searchParams.get('recursive') === 'true'
    const entries = listing(files, prefix, recursive)
    const begin = Number(url.searchParams.get('cursor') ?? 0)
    const end = begin + (this.#options.pageSize ?? 1000)
    const headers: Record<string, string> = { 'Content-Type': 'application/json; charset=utf-8' }
    if (end < entries.length) {
      const next = new URL(url)
      next.pathname = next.pathname.replace(/\/tree\/[^/]+/, `/tree/${sha}`)
      next.searchParams.set('cursor', String(end))
      headers.Link = `<${next.href}>; rel="next"`
    }
    response.writeHead(200, headers).end(JSON.stringify(entries.slice(begin, end)))
  }

  async #sendFile(
    { request, response, url }: Exchange,
    repo: LocalRepo,
    sha: string,
    encodedPath: string,
    direct: boolean,
  ): Promise<void> {
    const path = decodeURIComponent(encodedPath)
    const file = (await this.#files(repo)).find((each) => each.path === path)
    if (!file) return refuse(response, 404, 'EntryNotFound', 'Entry not found')
    const base = this.#options.base ?? ''
    if (!file.lfs) {
      const etag = `"${file.oid}"`
      if (direct) return sendRange(request, response, file, { ETag: etag })
      const location = `${base}/api/resolve-cache/models/${repo.repo}/${sha}/${encodedPath}${url.search}`
      response.writeHead(307, { Location: location, 'X-Linked-ETag': etag, 'Accept-Ranges': 'bytes' }).end()
      return
    }
    const { sha256, xetHash } = file.lfs
    const reconstruction = `${url.origin}${base}/v1/reconstructions/${xetHash}`
    const refresh = `${url.origin}${base}/api/models/${repo.repo}/xet-read-token/${sha}`
    const headers = {
      'X-Linked-Size': String(file.bytes),
      'X-Linked-ETag': `"${sha256}"`,
      'X-Xet-Hash': xetHash,
      'Cache-Control': 'no-store',
      Link: `<${refresh}>; rel="xet-auth", <${reconstruction}>; rel="xet-reconstruction-info"`,
    }
    if (request.headers.accept?.includes(xetFileInfo)) {
      const info = {
        hash: xetHash,
        size: file.bytes,
        etag: `"${sha256}"`,
        refreshUrl: refresh,
        reconstructionUrl: reconstruction,
      }
      response.writeHead(200, { ...headers, 'Content-Type': xetFileInfo }).end(JSON.stringify(info))
      return
    }
    const expires = Math.floor(Date.now() / 1000) + (this.#options.signedSeconds ?? 3600)
    const signed = `${base}${cdnPath}${repo.repo}/${xetHash}?Expires=${expires}`
    const location = `${this.#options.cdnOrigin ?? url.origin}${signed}&Signature=${sign(signed)}`
    const body = `Found. Redirecting to ${location}`
    response.writeHead(302, { ...headers, Location: location, 'Content-Length': body.length }).end(body)
  }

  async #answerCdn({ request, response, url, path }: Exchange): Promise<void> {
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Access-Control-Expose-Headers', '*')
    if (request.method === 'OPTIONS') return preflight(response)
    const [signed, signature] = (url.pathname + url.search).split('&Signature=')
    if (sign(signed!) !== signature || Number(url.searchParams.get('Expires')) * 1000 < Date.now()) {
      response.writeHead(403, { 'Content-Type': 'application/xml' })
      response.end(
        '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>',
      )
      return
    }
    const [owner, name, hash] = path.slice(cdnPath.length).split('/')
    const repo = this.#options.repos.find((each) => each.repo === `${owner}/${name}`)
    const file = repo && (await this.#files(repo)).find((each) => each.lfs?.xetHash === hash)
    if (!file) {
      response.writeHead(404).end()
      return
    }
    sendRange(request, response, file, { ETag: `"${hash}"`, 'Cache-Control': 'public, max-age=31536000' })
  }
}

function commitOf({ repo, revision, files }: LocalRepo): string {
  return (
    revision ??
    createHash('sha1')
      .update(JSON.stringify([repo, files]))
      .digest('hex')
  )
}

function sign(path: string): string {
  return createHash('sha256').update(`local hub ${path}`).digest('hex').slice(0, 32)
}

function listing(files: readonly RepoFile[], prefix: string, recursive: boolean): object[] {
  const entries = new Map<string, object>()
  for (const { path, bytes, oid, lfs } of files) {
    if (!path.startsWith(prefix)) continue
    const parts = path.slice(prefix.length).split('/')
    for (let depth = 1; depth < (recursive ? parts.length : Math.min(parts.length, 2)); depth++) {
      const folder = prefix + parts.slice(0, depth).join('/')
      entries.set(folder, { type: 'directory', oid: sign(folder), size: 0, path: folder })
    }
    if (!recursive && parts.length > 1) continue
    const large = lfs && { lfs: { oid: lfs.sha256, size: bytes, pointerSize: 134 }, xetHash: lfs.xetHash }
    entries.set(path, { type: 'file', oid, size: bytes, path, ...large })
  }
  return [...entries.values()]
}

function preflight(response: ServerResponse): void {
  response.writeHead(200, {
    'Access-Control-Allow-Methods': 'GET,HEAD,OPTIONS',
    'Access-Control-Allow-Headers': 'Authorization,Range,Content-Type',
    'Access-Control-Max-Age': '86400',
  })
  response.end()
}

function refuse(response: ServerResponse, status: number, code: string | null, message: string): void {
  response.setHeader('X-Error-Message', message)
  if (code) response.setHeader('X-Error-Code', code)
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify({ error: message }))
}
