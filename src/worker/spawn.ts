import workerUrl from './entry?worker&url'

/**
 * Starts the worker that runs the model. A worker's script must come from the page's own origin: where this module
 * came from another (a CDN), a Blob that imports the script stands in for it.
 */
export function spawnWorker(): Worker {
  const url = new URL(workerUrl, import.meta.url)
  const options = { type: 'module', name: 'octavo' } as const
  if (url.origin === globalThis.location?.origin) return new Worker(url, options)
  const script = new Blob([`import ${JSON.stringify(url.href)}`], { type: 'text/javascript' })
  const blobUrl = URL.createObjectURL(script)
  const worker = new Worker(blobUrl, options)
  // By the worker's first word the browser has read the Blob.
  worker.addEventListener('message', () => URL.revokeObjectURL(blobUrl), { once: true })
  return worker
}
