import type { Remote } from 'comlink'
import type { ConversationCall, Service } from '../worker/protocol'
import { type AbortOptions, abortableCall } from './abortable-call'
import type { Connection } from './connection'
import { filledString, wrongValue } from './rules'

/**
 * A call about one conversation, which its signal ends on both sides.
 *
 * @throws OctavoError 'invalid-option', 'aborted', and what the call throws
 */
export async function callAbout<T>(
  connection: Connection,
  conversation: string,
  options: AbortOptions,
  start: (service: Remote<Service>, call: ConversationCall) => Promise<T>,
): Promise<T> {
  if (!filledString.accepts(conversation)) {
    throw wrongValue('invalid-option', 'The conversation’s id', conversation, filledString.expected)
  }
  return abortableCall(connection, options, (service, id) => start(service, { id, conversation }))
}
