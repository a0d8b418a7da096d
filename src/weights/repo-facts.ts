import { HubApi, notModels, splitPattern, type TreeEntry } from './hub'
import type { ModelReference } from './reference'
import type { RequestContext } from './request'
import type { HubOptions } from './types'

/** One quantization of a model in a repo; a model that is split lies in several files. */
export interface RepoModel {
  /** Of the first file. */
  readonly path: string
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly bytes: number
}

/** What the Hub says of a repo beside its files' contents; texts are the uploader's. */
export interface RepoFacts {
  readonly licence: string | null
  /** GGUF models, the smallest first. */
  readonly models: readonly RepoModel[]
}

/** Asks the Hub for a repo's licence and its quantizations. */
export async function describeRepo(
  { repo, revision }: Extract<ModelReference, { kind: 'hub' }>,
  hub: HubOptions,
  context: RequestContext,
): Promise<RepoFacts> {
  const api = new HubApi(hub, context)
  const { body } = await api.json(`/api/models/${repo}/revision/${encodeURIComponent(revision)}`)
  const { sha, cardData, tags } = body as Readonly<Record<string, unknown>>
  const models = modelsOf(await api.tree(repo, typeof sha === 'string' ? sha : revision))
  return { licence: licenceOf(cardData, tags), models }
}

function licenceOf(cardData: unknown, tags: unknown): string | null {
  if (typeof cardData === 'object' && cardData !== null) {
    const card = cardData as Readonly<Record<string, unknown>>
    // `other` says less than the name that stands beside it.
    for (const value of [card.license === 'other' ? card.license_name : null, card.license])
      if (typeof value === 'string') return value
  }
  const tag = Array.isArray(tags)
    ? tags.find((item) => typeof item === 'string' && item.startsWith('license:'))
    : undefined
  return tag?.slice('license:'.length) ?? null
}

/** GGUF files of models; the parts of a split one together. */
export function modelsOf(entries: readonly TreeEntry[]): readonly RepoModel[] {
  const groups = new Map<string, { path: string; bytes: number }[]>()
  for (const { type, path, size, lfs } of entries) {
    if (type !== 'file' || !/\.gguf$/i.test(path) || notModels.test(path)) continue
    const split = splitPattern.exec(path)
    const key = split ? `${split[1]} ${split[3]}` : path
    groups.set(key, [...(groups.get(key) ?? []), { path, bytes: lfs?.size ?? size }])
  }
  const models = [...groups.values()].map((unsorted) => {
    const files = unsorted.sort((a, b) => (a.path < b.path ? -1 : 1))
    return { path: files[0]!.path, files, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }
  })
  return models.sort((a, b) => a.bytes - b.bytes)
}
