import type { Remote } from 'comlink'
import type { ConversationCall, Service } from '../worker/protocol'
import type { Connection } from './connection'
import { randomHex } from './random-hex'
import { built, checkFields, type Fields, filledString, having, isPlainObject, wrongValue } from './rules'
import { unlessAborted } from './unless-aborted'

/** What stands beside the name of a conversation. */
export interface ConversationOptions {
  /** Aborting it ends the call, which throws 'aborted'. */
  signal?: AbortSignal
}

const optionFields = { signal: built(having('addEventListener', 'an AbortSignal')) } satisfies Fields

/**
 * A call about one conversation, which its signal ends on both sides.
 *
 * @throws OctavoError 'invalid-option', 'aborted', and what the call throws
 */
export async function callAbout<T>(
  connection: Connection,
  conversation: string,
  options: ConversationOptions,
  start: (service: Remote<Service>, call: ConversationCall) => Promise<T>,
): Promise<T> {
  check(conversation, options)
  const { signal } = options
  const id = randomHex(8)
  const abort = () => connection.notify((service) => service.abort(id))
  const call = () => connection.call((service) => start(service, { id, conversation }))
  return unlessAborted('The call', call, signal, abort)
}

function check(conversation: string, options: ConversationOptions): void {
  if (!filledString.accepts(conversation)) {
    throw wrongValue('invalid-option', 'The conversation’s id', conversation, filledString.expected)
  }
  if (!isPlainObject(options)) throw wrongValue('invalid-option', 'The second argument', options, 'an object')
  checkFields('invalid-option', '', optionFields, options)
}
