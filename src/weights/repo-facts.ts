import { folderOf, isIndex, modelsAmong } from './choose-model'
import { HubApi, type TreeEntry } from './hub'
import { partsOf } from './parts'
import type { ModelReference } from './reference'
import { textLimits } from './repo-texts'
import type { RequestContext } from './request'
import type { HubOptions } from './types'

/** One quantization of a model in a repo; a model that is split lies in several files. */
export interface RepoModel {
  /** Of the file that names it: the first of its parts, or its index. */
  readonly path: string
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly bytes: number
  /** Without the texts. */
  readonly weightBytes: number
}

/** What the Hub says of a repo beside its files' contents; texts are the uploader's. */
export interface RepoFacts {
  readonly licence: string | null
  /** The smallest first. */
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

/** The models among a repo's files, each with all its files; of a safetensors model the texts too. */
export function modelsOf(entries: readonly TreeEntry[]): readonly RepoModel[] {
  const sizes = new Map<string, number>()
  for (const { type, path, size, lfs } of entries) if (type === 'file') sizes.set(path, lfs?.size ?? size)
  const { gguf, safetensors } = modelsAmong([...sizes.keys()])
  const groups = gguf.map((path) => ({ path, paths: partsOf(path) }))
  if (safetensors) groups.push({ path: safetensors, paths: filesOf(safetensors, [...sizes.keys()]) })
  const models = groups.map(({ path, paths }) => {
    const files = paths.flatMap((each) => {
      const bytes = sizes.get(each)
      return bytes === undefined ? [] : [{ path: each, bytes }]
    })
    const weights = files.filter((file) => /\.(gguf|safetensors)$/i.test(file.path))
    return { path, files, bytes: sumOf(files), weightBytes: sumOf(weights) }
  })
  return models.sort((a, b) => a.bytes - b.bytes)
}

function sumOf(files: RepoModel['files']): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** Of an index, the shards by their names: its text is not read. */
function filesOf(main: string, paths: readonly string[]): readonly string[] {
  const folder = folderOf(main)
  const prefix = main.replace(/\.safetensors\.index\.json$/i, '-')
  const isShard = (path: string) => path.startsWith(prefix) && /\d{5}-of-\d{5}\.safetensors$/i.test(path)
  const weights = isIndex(main) ? [main, ...paths.filter(isShard)] : partsOf(main)
  return [...weights, ...Object.keys(textLimits).map((name) => folder + name)]
}
