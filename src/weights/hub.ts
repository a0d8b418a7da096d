import { OctavoError } from '../util/octavo-error'
import type { ModelReference } from './reference'
import type { RemoteFile } from './remote-file'
import { type RequestContext, refusal, requestText } from './request'
import type { HubOptions } from './types'

export interface TreeEntry {
  readonly type: string
  readonly path: string
  readonly size: number
  readonly lfs?: { readonly oid: string; readonly size: number }
}

/** A repo of the Hub at one commit. */
export interface HubRepo {
  readonly repo: string
  /** Commit sha. */
  readonly revision: string
  readonly files: readonly TreeEntry[]
  /** Where a file is; `path` must be one of `files`. */
  locate(entry: TreeEntry): RemoteFile
}

const mostPages = 200

/** Finds a repo, pins it to the commit that the revision has now, and lists its files. */
export async function openHubRepo(
  reference: Extract<ModelReference, { kind: 'hub' }>,
  hub: HubOptions,
  context: RequestContext,
): Promise<HubRepo> {
  const api = new HubApi(hub, context)
  const path = `/api/models/${reference.repo}/revision/${encodeURIComponent(reference.revision)}`
  const info = await api.json(path)
  const { sha, id, gated, private: hidden, disabled } = info.body as Readonly<Record<string, unknown>>
  if (disabled === true) {
    throw new OctavoError(
      'unauthorized',
      `${reference.repo} is disabled on the Hub.`,
      'Choose another model.',
    )
  }
  if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha)) {
    throw new OctavoError(
      'network',
      `${info.url} did not say the model’s commit.`,
      'Check the Hub’s address.',
    )
  }
  // A repo that was renamed redirects, each time anew.
  const repo = typeof id === 'string' && /^[\w.-]+\/[\w.-]+$/.test(id) ? id : reference.repo
  const files = (await api.tree(repo, sha)).filter(({ type }) => type === 'file')
  // With a token, browsers ask the Hub (some also the CDN) for permission first: not where it is not needed.
  const token = gated === false && hidden === false ? null : api.token
  const locate = ({ path, size, lfs }: TreeEntry): RemoteFile => ({
    url: `${hub.endpoint}/${repo}/resolve/${sha}/${path.split('/').map(encodeURIComponent).join('/')}`,
    bytes: lfs?.size ?? size,
    sha256: lfs?.oid ?? null,
    etag: null,
    ranges: true,
    token,
    path,
  })
  return { repo, revision: sha, files, locate }
}

export class HubApi {
  /** Dropped once the Hub has said that it is no good. */
  token: string | null

  constructor(
    readonly hub: HubOptions,
    readonly context: RequestContext,
  ) {
    this.token = hub.token
  }

  async json(path: string): Promise<{ url: string; body: unknown; next: string | null }> {
    const url = path.startsWith('http') ? path : this.hub.endpoint + path
    let { response, text } = await this.#get(url)
    if (response.status === 401 && this.token) {
      const said = response.headers.get('X-Error-Message') ?? text
      if (said.includes('Invalid credentials')) {
        this.token = null
        ;({ response, text } = await this.#get(url))
      }
    }
    if (!response.ok) throw refusal(url, response, this.token !== null)
    try {
      return { url, body: JSON.parse(text), next: this.#nextPage(response) }
    } catch (cause) {
      throw new OctavoError('network', `${url} did not answer with JSON.`, 'Check the Hub’s address.', {
        cause,
      })
    }
  }

  #get(url: string): Promise<{ response: Response; text: string }> {
    const headers: Record<string, string> = this.token ? { Authorization: `Bearer ${this.token}` } : {}
    return requestText(url, { headers }, this.context)
  }

  /** The next page's address, on our endpoint whatever host a mirror passes on. */
  #nextPage(response: Response): string | null {
    const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('Link') ?? '')
    if (!link) return null
    const next = new URL(link[1]!, this.hub.endpoint)
    const prefix = new URL(this.hub.endpoint).pathname.replace(/\/$/, '')
    const path = next.pathname.startsWith(prefix) ? next.pathname.slice(prefix.length) : next.pathname
    return this.hub.endpoint + path + next.search
  }

  async tree(repo: string, revision: string): Promise<TreeEntry[]> {
    const entries: TreeEntry[] = []
    let next: string | null = `/api/models/${repo}/tree/${revision}?recursive=true&expand=false`
    for (let page = 0; next !== null && page < mostPages; page++) {
      const answer: { url: string; body: unknown; next: string | null } = await this.json(next)
      if (!Array.isArray(answer.body)) {
        throw new OctavoError('network', `${answer.url} did not list files.`, 'Check the Hub’s address.')
      }
      entries.push(...(answer.body as TreeEntry[]))
      next = answer.next
    }
    return entries
  }
}
