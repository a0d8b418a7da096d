import { OctavoError } from '../util/octavo-error'
import { chooseModel, folderOf } from './choose-model'
import type { Manifest } from './chunk-store'
import { openHubRepo } from './hub'
import type { ModelReference } from './reference'
import { probeUrl, type RemoteFile } from './remote-file'
import type { RequestContext } from './request'
import type { HubOptions } from './types'

export type RemoteReference = Exclude<ModelReference, { kind: 'files' }>

/** Where the files of a model are to be had over the network, and which of them was asked for. */
export interface RemotePlace {
  readonly repo: string | null
  readonly revision: string | null
  readonly main: string
  /** Null where there is no such file. */
  locate(path: string, signal: AbortSignal): Promise<RemoteFile | null>
}

type Context = Omit<RequestContext, 'signal'>

/** @throws OctavoError 'not-found', 'unauthorized', 'network', 'aborted' */
export function findPlace(
  reference: RemoteReference,
  hub: HubOptions,
  context: Context,
  signal: AbortSignal,
): Promise<RemotePlace> {
  if (reference.kind === 'hub') return placeOnHub(reference, hub, { ...context, signal })
  const own = new URL(reference.url).origin === new URL(hub.endpoint).origin
  return placeAtUrl(reference.url, own ? hub.token : null, context, signal)
}

/** As it was when the model was loaded whole: nobody is asked. */
export function placeInManifest(
  { files, repo, revision, main, needsToken }: Manifest,
  hub: HubOptions,
): RemotePlace {
  const locate = async (path: string): Promise<RemoteFile | null> => {
    const found = files.find((file) => file.path === path)
    return found ? { ...found, token: needsToken ? hub.token : null } : null
  }
  return { repo, revision, main, locate }
}

async function placeOnHub(
  reference: Extract<ModelReference, { kind: 'hub' }>,
  hub: HubOptions,
  context: RequestContext,
): Promise<RemotePlace> {
  const { repo, revision, files, locate } = await openHubRepo(reference, hub, context)
  const entries = new Map(files.map((entry) => [entry.path, entry]))
  const main = chooseModel([...entries.keys()], { where: repo, tag: reference.tag })
  const find = async (path: string) => {
    const entry = entries.get(path)
    return entry ? locate(entry) : null
  }
  return { repo, revision, main, locate: find }
}

/** A folder of a plain server, which nobody lists: each file is asked for by its name. */
async function placeAtUrl(
  url: string,
  token: string | null,
  context: Context,
  signal: AbortSignal,
): Promise<RemotePlace> {
  const chosen = await probeUrl(url, token, { ...context, signal })
  const locate = async (path: string, each: AbortSignal): Promise<RemoteFile | null> => {
    if (path === chosen.path) return chosen
    const { origin, pathname, search } = new URL(url)
    const sibling = `${origin}${folderOf(pathname)}${path.split('/').map(encodeURIComponent).join('/')}${search}`
    try {
      return await probeUrl(sibling, token, { ...context, signal: each })
    } catch (error) {
      // A store that may not be listed refuses what is not there.
      const absent: readonly string[] = ['not-found', 'unauthorized']
      if (error instanceof OctavoError && absent.includes(error.code)) return null
      throw error
    }
  }
  return { repo: null, revision: null, main: chosen.path, locate }
}
