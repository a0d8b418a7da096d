import type { Remote } from 'comlink'
import type { Service } from '../worker/protocol'
import type { Connection } from './connection'
import { randomHex } from './random-hex'
import { built, checkFields, type Fields, having, isPlainObject, wrongValue } from './rules'
import { unlessAborted } from './unless-aborted'

/** What stands beside what is asked. */
export interface AbortOptions {
  /** Aborting it ends the call, which throws 'aborted'. */
  signal?: AbortSignal
}

const optionFields = { signal: built(having('addEventListener', 'an AbortSignal')) } satisfies Fields

/**
 * A call of the worker, which its signal ends on both sides.
 *
 * @throws OctavoError 'invalid-option', 'aborted', and what the call throws
 */
export async function abortableCall<T>(
  connection: Connection,
  options: AbortOptions,
  start: (service: Remote<Service>, id: string) => Promise<T>,
): Promise<T> {
  check(options)
  const id = randomHex(8)
  const abort = () => connection.notify((service) => service.abort(id))
  const call = () => connection.call((service) => start(service, id))
  return unlessAborted('The call', call, options.signal, abort)
}

function check(options: AbortOptions): void {
  if (!isPlainObject(options)) throw wrongValue('invalid-option', 'The second argument', options, 'an object')
  checkFields('invalid-option', '', optionFields, options)
}
