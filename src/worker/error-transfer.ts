import { transferHandlers } from 'comlink'
import { type ErrorCode, OctavoError } from '../util/octavo-error'
import type { WireCause, WireError } from './protocol'

interface Thrown {
  readonly value: unknown
}

/** How the 'throw' handler says that an OctavoError was thrown. */
interface WireThrown {
  readonly octavo: WireError
}

const ours = new WeakSet<object>()

/**
 * Teaches Comlink to carry an OctavoError whole: code, message, remedy, cause and stack. Its own handler keeps only
 * name, message and stack, and still handles every other error.
 */
export function carryErrorsWhole(): void {
  const original = transferHandlers.get('throw')!
  if (ours.has(original)) return
  const whole: typeof original = {
    canHandle: (value): value is unknown => original.canHandle(value),
    serialize(thrown) {
      const { value } = thrown as Thrown
      if (value instanceof OctavoError) return [{ octavo: errorToWire(value) } satisfies WireThrown, []]
      return original.serialize(thrown)
    },
    deserialize(serialized) {
      if (isWireThrown(serialized)) throw errorFromWire(serialized.octavo)
      return original.deserialize(serialized)
    },
  }
  ours.add(whole)
  transferHandlers.set('throw', whole)
}

function isWireThrown(value: unknown): value is WireThrown {
  return typeof value === 'object' && value !== null && 'octavo' in value
}

export function errorToWire(error: OctavoError): WireError {
  const { code, message, remedy, stack = null, cause } = error
  return { code, message, remedy, stack, cause: causeToWire(cause) }
}

export function errorFromWire(wire: WireError): OctavoError {
  const options = wire.cause === null ? undefined : { cause: causeFromWire(wire.cause) }
  const error = new OctavoError(wire.code as ErrorCode, wire.message, wire.remedy, options)
  if (wire.stack !== null) error.stack = wire.stack
  return error
}

/** Whatever was thrown, as an OctavoError: one that is none is a fault of ours. */
export function asOctavoError(thrown: unknown): OctavoError {
  if (thrown instanceof OctavoError) return thrown
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
  return new OctavoError(
    'internal',
    `Octavo failed unexpectedly: ${what}`,
    'Reload the page and try again; if it happens again, report it with this message.',
    { cause: thrown },
  )
}

function causeToWire(cause: unknown): WireCause | null {
  if (cause === undefined || cause === null) return null
  if (cause instanceof OctavoError) return { kind: 'octavo', error: errorToWire(cause) }
  if (cause instanceof Error) {
    const { name, message, stack = null } = cause
    return { kind: 'error', name, message, stack, cause: causeToWire(cause.cause) }
  }
  return { kind: 'value', value: String(cause) }
}

function causeFromWire(cause: WireCause): unknown {
  if (cause.kind === 'value') return cause.value
  if (cause.kind === 'octavo') return errorFromWire(cause.error)
  const options = cause.cause === null ? undefined : { cause: causeFromWire(cause.cause) }
  const error = new Error(cause.message, options)
  error.name = cause.name
  if (cause.stack !== null) error.stack = cause.stack
  return error
}
