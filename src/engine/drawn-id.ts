import type { Sequence } from './sequence'

/** Why a generation has ended; `stopReason` as in the 'finish' event. */
interface Ending {
  readonly reason: 'stop' | 'length'
  readonly stopReason: string | number | null
}

/** What the newest id of a sequence adds to its text, and the end that it brings, if any. */
export function readDrawnId(
  sequence: Sequence,
  id: number,
): { readonly text: string; readonly end: Ending | null } {
  const { request, hooks, text, completionTokens } = sequence
  const { stop } = request
  const past = completionTokens >= stop.minTokens
  const isEos = !stop.ignoreEos && hooks.eosIds.includes(id)
  const isStopId = stop.stopTokenIds.includes(id)
  if (past && (isEos || isStopId)) {
    // The id is reported as it was drawn; its text is not, unless what stops is wanted in the text.
    const last = stop.includeStopString ? text.push(id, true) : { text: '', stop: null }
    const rest = last.stop === null ? text.finish(true) : { text: '', stop: null }
    const stopReason = last.stop ?? rest.stop ?? (isStopId && !isEos ? id : null)
    return { text: last.text + rest.text, end: { reason: 'stop', stopReason } }
  }
  const step = text.push(id, past)
  if (step.stop !== null) return { text: step.text, end: { reason: 'stop', stopReason: step.stop } }
  if (completionTokens < stop.maxTokens) return { text: step.text, end: null }
  const rest = text.finish(past)
  const reason = rest.stop === null ? 'length' : 'stop'
  return { text: step.text + rest.text, end: { reason, stopReason: rest.stop } }
}
