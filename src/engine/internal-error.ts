import { OctavoError } from '../util/octavo-error'

/** What those get who wait for something that failed: an error that says nothing to them is 'internal'. */
export function internalError(what: string, error: unknown): OctavoError {
  if (error instanceof OctavoError) return error
  return new OctavoError(
    'internal',
    `${what} failed: ${error instanceof Error ? error.message : String(error)}`,
    'Create the engine again; if it happens again, report it with the contents of engine.info.',
    { cause: error },
  )
}
