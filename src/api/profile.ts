import type { EngineProfile } from '../util/profile'
import { abortableCall } from './abortable-call'
import type { Connection } from './connection'
import { built, checkFields, type Fields, having, integer, isPlainObject, wrongValue } from './rules'
import { unlessAborted } from './unless-aborted'

/** What is to be profiled: a run of the engine's own, or what the app does meanwhile. */
export interface ProfileOptions {
  /** Tokens of the prompt, or of the text that an encoder reads. Default 128, or what the context has room for. */
  promptTokens?: number
  /** Tokens that are written behind it. Default 32, or what the context has room for. */
  tokens?: number
  /** Profile what the engine does until this promise settles, instead of a run of its own. */
  during?: () => Promise<unknown>
  /** Aborting it ends the profile, which throws 'aborted'; what `during` has begun goes on. */
  signal?: AbortSignal
}

const fields = {
  promptTokens: built(integer(1)),
  tokens: built(integer(1)),
  during: built(having('call', 'a function')),
  signal: built(having('addEventListener', 'an AbortSignal')),
} satisfies Record<keyof ProfileOptions, unknown> & Fields

const nothing = () => {}

/** When a profile that was aborted before it had begun is over, by its engine. */
const ended = new WeakMap<Connection, Promise<void>>()

/** @throws OctavoError as `Engine.profile` says, and what `during` throws */
export async function profile(connection: Connection, options: ProfileOptions): Promise<EngineProfile> {
  check(options)
  const { promptTokens, tokens, during, signal } = options
  const run = () =>
    abortableCall(connection, signal ? { signal } : {}, (service, id) =>
      service.runProfiled({ id, promptTokens: promptTokens ?? null, tokens: tokens ?? null }),
    )
  const orAborted = <T>(call: () => Promise<T>): Promise<T> =>
    unlessAborted('The profile', call, signal, () => {})
  const end = () => connection.call((service) => service.endProfile())
  await orAborted(() => ended.get(connection) ?? Promise.resolve())
  const starting = connection.call((service) => service.startProfile())
  try {
    await orAborted(() => starting)
  } catch (error) {
    // It may fetch its part for long: what has begun then ends at once.
    ended.set(connection, starting.then(end).then(nothing, nothing))
    throw error
  }
  try {
    await orAborted<unknown>(async () => (during ?? run)())
  } catch (error) {
    void end().catch(nothing)
    throw error
  }
  return orAborted(end)
}

function check(options: ProfileOptions): void {
  if (!isPlainObject(options)) throw wrongValue('invalid-option', 'The argument', options, 'an object')
  checkFields('invalid-option', '', fields, options)
  const { during, promptTokens, tokens } = options as ProfileOptions
  if (during && (promptTokens ?? tokens ?? null) !== null) {
    const expected = 'left out where promptTokens or tokens is given'
    throw wrongValue('invalid-option', 'during', during, expected)
  }
}
