import { OctavoError } from '../util/octavo-error'

/** What failed, as the error that those who wait for it get. */
export function asOctavoError(what: string, error: unknown): OctavoError {
  if (error instanceof OctavoError) return error
  return new OctavoError(
    'internal',
    `${what} failed: ${error instanceof Error ? error.message : String(error)}`,
    'Create the engine again; if it happens again, report it with the contents of engine.info.',
    { cause: error },
  )
}
