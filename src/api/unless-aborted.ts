import { abortedError } from '../util/octavo-error'

/** What the call gives, or 'aborted' as soon as the signal says so, which `onAbort` then carries to the other side. */
export function unlessAborted<T>(
  what: string,
  call: () => Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: () => void,
): Promise<T> {
  if (!signal) return call()
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw abortedError(what, signal)
    const aborted = () => {
      onAbort()
      reject(abortedError(what, signal))
    }
    signal.addEventListener('abort', aborted)
    call()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', aborted))
  })
}
