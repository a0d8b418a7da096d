import { OctavoError } from 'octavo'

/** Octavo throws nothing but OctavoErrors; anything else is a fault of the page and shown as such. */
export function toOctavoError(error: unknown): OctavoError {
  if (error instanceof OctavoError) return error
  const said = error instanceof Error ? error.message : String(error)
  return new OctavoError('internal', `Something went wrong in this page: ${said}`, 'Load the page again.', {
    cause: error,
  })
}
