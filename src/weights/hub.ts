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

/** Parts of a repo that end in .gguf and are no models. */
export const notModels = /(^|[/._-])(mmproj|imatrix|mtp-|eagle3-|dflash-|dspark-)/i
export const splitPattern = /^(.+)-(\d{5})-of-(\d{5})\.gguf$/i
const defaultQuants = ['Q4_K_M', 'Q8_0']
const mostPages = 200

/** Finds the file that a reference names, and pins it to the commit that the revision has now. */
export async function resolveHubFile(
  reference: Extract<ModelReference, { kind: 'hub' }>,
  hub: HubOptions,
  context: RequestContext,
): Promise<RemoteFile> {
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
  const entry = chooseFile(await api.tree(repo, sha), { repo, tag: reference.tag })
  const open = gated === false && hidden === false
  return {
    url: `${hub.endpoint}/${repo}/resolve/${sha}/${entry.path.split('/').map(encodeURIComponent).join('/')}`,
    bytes: entry.lfs?.size ?? entry.size,
    sha256: entry.lfs?.oid ?? null,
    etag: null,
    ranges: true,
    // With a token, browsers ask the Hub (some also the CDN) for permission first: not where it is not needed.
    token: open ? null : api.token,
    repo,
    revision: sha,
    path: entry.path,
  }
}

/**
 * The GGUF file that a tag means: a file of that name, else the first model whose name has the tag before a dot or a
 * dash, in any case; without a tag Q4_K_M, Q8_0, or the first.
 */
export function chooseFile(
  entries: readonly TreeEntry[],
  { repo, tag }: { readonly repo: string; readonly tag: string | null },
): TreeEntry {
  const models = entries
    .filter(({ type, path }) => type === 'file' && /\.gguf$/i.test(path) && !notModels.test(path))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  if (models.length === 0) {
    throw new OctavoError(
      'not-found',
      `${repo} has no GGUF file.`,
      'Choose a repo with GGUF files; their names often end in “-GGUF”.',
    )
  }
  const byQuant = (quant: string) => {
    const pattern = new RegExp(`${quant.replaceAll(/[^\w]/g, '\\$&')}[.-]`, 'i')
    return models.find(({ path }) => pattern.test(path.split('/').at(-1)!))
  }
  let chosen: TreeEntry | undefined
  if (tag === null) chosen = defaultQuants.map(byQuant).find(Boolean) ?? models[0]
  else chosen = entries.find(({ path }) => path.toLowerCase() === tag.toLowerCase()) ?? byQuant(tag)
  if (!chosen) {
    const names = models.map(({ path }) => path).slice(0, 20)
    throw new OctavoError('not-found', `${repo} has no file for '${tag}'.`, `It has: ${names.join(', ')}.`)
  }
  if (splitPattern.test(chosen.path)) {
    throw new OctavoError(
      'unsupported-architecture',
      `${chosen.path} is one part of a model that is split into several files, which Octavo does not read yet.`,
      'Choose a quantization that is one file.',
    )
  }
  return chosen
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
