import { openLocalModel } from './local-model'
import { browserPlatform, type Platform } from './platform'
import { parseReference } from './reference'
import { RemoteModel } from './remote-model'
import { throwIfAborted } from './request'
import type { HubOptions, OpenedModel } from './types'

export interface OpenOptions {
  readonly hub: HubOptions
  readonly signal: AbortSignal
  readonly platform?: Platform
}

/**
 * Finds the files that a model reference means and reads their headers; `stream` then sends the weights to a sink.
 *
 * Chunks are kept in IndexedDB as they arrive, so a download that ended early goes on where it stopped. Once a
 * reference has been loaded whole it is never asked for again: the next load takes everything from the store, at
 * once and offline, even if the branch that it names (`main` where it names none) has moved on the Hub since. Name a
 * revision to get another. Picked files are read in place and not kept.
 *
 * @throws OctavoError 'invalid-option', 'not-found', 'unauthorized', 'network', 'disk-full', 'malformed-file',
 *   'unsupported-tensor-type', 'aborted'
 */
export async function openModel(
  reference: string | readonly File[],
  options: OpenOptions,
): Promise<OpenedModel> {
  const { hub, signal, platform = browserPlatform } = options
  throwIfAborted(signal)
  const parsed = parseReference(reference, hub.endpoint)
  if (parsed.kind === 'files') return openLocalModel(parsed.files, platform, signal)
  return RemoteModel.open(String(reference), parsed, { hub, signal, platform })
}
