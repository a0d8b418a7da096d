import { OctavoError } from '../util/octavo-error'
import { serveInThread } from '../worker/in-thread'
import { spawnWorker } from '../worker/spawn'
import { Connection } from './connection'
import { randomHex } from './random-hex'

/** A line to a new Web Worker, which is known to run. */
export async function connectWorker(
  spawn: () => Worker = spawnWorker,
  locks: LockManager | undefined = globalThis.navigator?.locks,
): Promise<Connection> {
  const worker = startWorker(spawn)
  const connection = new Connection(worker, () => worker.terminate())
  const died = (how: string) => () => connection.end(workerDied(how))
  worker.addEventListener('error', (event) => died(event.message ?? 'its script could not be loaded')())
  worker.addEventListener('messageerror', died('a message from it could not be read'))
  const lock = `octavo-${randomHex(16)}`
  const held = await connection.call((service) => service.holdLock(lock))
  if (held && locks) watchLock(locks, lock, connection)
  return connection
}

/** A line to a service in this thread, over the same protocol. */
export async function connectInThread(gpu: GPU): Promise<Connection> {
  const port = await serveInThread(gpu)
  return new Connection(port, () => port.close())
}

/** The worker holds the lock until it dies, in whatever way: who gets it knows. */
function watchLock(locks: LockManager, name: string, connection: Connection): void {
  const watch = new AbortController()
  connection.onEnd(() => watch.abort())
  locks
    .request(name, { signal: watch.signal }, () => connection.end(workerDied('the browser ended it')))
    .catch(() => {
      // Aborted: the connection ended for another reason.
    })
}

function startWorker(spawn: () => Worker): Worker {
  try {
    return spawn()
  } catch (cause) {
    throw new OctavoError(
      'worker-died',
      'The Web Worker that runs the model could not be started.',
      'If the page has a Content-Security-Policy, allow workers in it (worker-src).',
      { cause },
    )
  }
}

function workerDied(how: string): OctavoError {
  return new OctavoError(
    'worker-died',
    `The Web Worker that runs the model died: ${how}.`,
    'Create the engine again; the weights are still on this device.',
  )
}
