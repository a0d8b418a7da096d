import workerUrl from './entry?worker&url'

declare global {
  /** In the built library, where the files are that the worker fetches by need; see scripts/library-parts.ts. */
  var octavoPartUrls: Readonly<Record<string, string>> | undefined
}

/**
 * Starts the worker that runs the model. A worker's script must come from the page's own origin: where this module
 * came from another (a CDN), a Blob that imports the script stands in for it.
 */
export function spawnWorker(): Worker {
  const url = new URL(workerUrl, import.meta.url)
  const options = { type: 'module', name: 'octavo' } as const
  const start = (script: string | URL): Worker => {
    const worker = new Worker(script, options)
    worker.postMessage({ octavoParts: globalThis.octavoPartUrls ?? null })
    return worker
  }
  if (url.origin === globalThis.location?.origin) return start(url)
  const script = new Blob([`import ${JSON.stringify(url.href)}`], { type: 'text/javascript' })
  const blobUrl = URL.createObjectURL(script)
  const worker = start(blobUrl)
  // By the worker's first word the browser has read the Blob.
  worker.addEventListener('message', () => URL.revokeObjectURL(blobUrl), { once: true })
  return worker
}
