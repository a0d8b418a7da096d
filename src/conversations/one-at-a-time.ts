import { abortedError } from '../util/octavo-error'

const lock = 'octavo-conversations'
let last: Promise<unknown> = Promise.resolve()

/**
 * Runs what uses the store apart from everything else that does, in this page and in others of its origin: under a Web
 * Lock, or where there are none (Node), one after the other in this process.
 *
 * @throws OctavoError 'aborted' where the signal aborts before its turn
 */
export async function oneAtATime<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const whenTurn = async () => {
    throwIfAborted(signal)
    return act()
  }
  const locks = globalThis.navigator?.locks
  if (!locks) {
    const turn = last.then(whenTurn)
    last = turn.catch(() => undefined)
    return turn
  }
  let begun = false
  const begin = () => {
    begun = true
    return whenTurn()
  }
  try {
    return await locks.request(lock, { signal }, begin)
  } catch (error) {
    if (!begun) throwIfAborted(signal)
    throw error
  }
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortedError('Copying the conversation', signal)
}
