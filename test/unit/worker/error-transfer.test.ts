import { expose, wrap } from 'comlink'
import { expect, it } from 'vitest'
import { OctavoError } from '../../../src/util/octavo-error'
import {
  asOctavoError,
  carryErrorsWhole,
  errorFromWire,
  errorToWire,
} from '../../../src/worker/error-transfer'

it('an OctavoError crosses a structured clone whole, causes too', () => {
  const root = new DOMException('cut', 'NetworkError')
  const inner = new OctavoError('network', 'No answer.', 'Try again.', { cause: root })
  const error = new OctavoError('internal', 'Failed.', 'Report it.', {
    cause: new RangeError('x', { cause: inner }),
  })
  const back = errorFromWire(structuredClone(errorToWire(error)))
  expect(back).toBeInstanceOf(OctavoError)
  const { code, message, remedy, stack } = error
  expect(back).toMatchObject({ code, message, remedy, stack })
  const range = back.cause as RangeError
  expect(range).toMatchObject({ name: 'RangeError', message: 'x' })
  expect(range.cause).toBeInstanceOf(OctavoError)
  expect(range.cause).toMatchObject({ code: 'network', cause: { name: 'NetworkError', message: 'cut' } })
})

it('a cause that is no error crosses as text, and none as none', () => {
  const wire = (cause: unknown) => errorToWire(new OctavoError('aborted', 'm', 'r', { cause }))
  expect(errorFromWire(structuredClone(wire(() => 'f'))).cause).toContain('f')
  expect(errorFromWire(structuredClone(wire(undefined))).cause).toBeUndefined()
})

it('whatever else is thrown is called internal, and kept as the cause', () => {
  const thrown = new TypeError('x is undefined')
  expect(asOctavoError(thrown)).toMatchObject({ code: 'internal', cause: thrown })
  expect(asOctavoError(thrown).message).toContain('TypeError: x is undefined')
  expect(asOctavoError('text').message).toContain('text')
  const error = new OctavoError('network', 'm', 'r')
  expect(asOctavoError(error)).toBe(error)
})

it('leaves other errors to Comlink, however often it is set up', async () => {
  carryErrorsWhole()
  carryErrorsWhole()
  const service = {
    fail(how: 'error' | 'value') {
      throw how === 'error' ? new TypeError('plain') : 'a value'
    },
  }
  const { port1, port2 } = new MessageChannel()
  expose(service, port2)
  const remote = wrap<typeof service>(port1)
  await expect(remote.fail('error')).rejects.toMatchObject({ name: 'TypeError', message: 'plain' })
  await expect(remote.fail('value')).rejects.toBe('a value')
  port1.close()
})
