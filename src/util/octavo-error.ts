/** What went wrong, as a closed set that an app can switch over. */
export type ErrorCode =
  | 'no-webgpu'
  | 'no-adapter'
  | 'limits-too-small'
  | 'gpu-out-of-memory'
  | 'device-lost'
  | 'disk-full'
  | 'no-storage'
  | 'malformed-file'
  | 'unsupported-architecture'
  | 'unsupported-tensor-type'
  | 'unsupported-tokenizer'
  | 'invalid-option'
  | 'invalid-request'
  | 'unsupported-field'
  | 'context-too-long'
  | 'queue-full'
  | 'conversation-mismatch'
  | 'conversation-too-large'
  | 'not-found'
  | 'unauthorized'
  | 'network'
  | 'aborted'
  | 'unloaded'
  | 'worker-died'
  | 'internal'

/**
 * The one error class that crosses Octavo's API.
 *
 * `message` says in a sentence what happened and to which thing; `remedy` is the one thing to do about it.
 *
 * @example
 * try { await createEngine({ model }) } catch (error) {
 *   if (error instanceof OctavoError && error.code === 'no-webgpu') show(error.remedy)
 * }
 */
export class OctavoError extends Error {
  override readonly name = 'OctavoError'
  readonly code: ErrorCode
  readonly remedy: string

  constructor(code: ErrorCode, message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.remedy = remedy
  }
}

/** The error of an operation that its caller's AbortSignal ended; `cause` is the signal's reason. */
export function abortedError(what: string, signal: AbortSignal): OctavoError {
  return new OctavoError('aborted', `${what} was aborted.`, 'Start it again when it is wanted.', {
    cause: signal.reason,
  })
}
