import { expect, it } from 'vitest'
import { StopText } from '../../../src/engine/stop-text'
import { random } from './fake-runner'

function stream(
  pieces: readonly string[],
  stops: readonly string[],
  include = false,
): { text: string; stop: string | null } {
  const text = new StopText({ push: (i) => pieces[i]!, finish: () => '' }, stops, include)
  let out = ''
  for (let i = 0; i < pieces.length; i++) {
    const step = text.push(i, true)
    out += step.text
    if (step.stop !== null) return { text: out, stop: step.stop }
  }
  const rest = text.finish(true)
  return { text: out + rest.text, stop: rest.stop }
}

it('ends before the stop string, however the text is cut into pieces', () => {
  const next = random(7)
  for (let i = 0; i < 500; i++) {
    const whole = Array.from({ length: 40 }, () => 'ab\n'[next(3)]).join('')
    const stop = Array.from({ length: 1 + next(5) }, () => 'ab\n'[next(3)]).join('')
    const pieces: string[] = []
    for (let at = 0; at < whole.length; ) {
      const size = next(4)
      pieces.push(whole.slice(at, at + size))
      at += size
    }
    const found = whole.indexOf(stop)
    expect(stream(pieces, [stop])).toEqual(
      found < 0 ? { text: whole, stop: null } : { text: whole.slice(0, found), stop },
    )
  }
})

it('shows the stop string when asked to', () => {
  expect(stream(['one ', 'ST', 'OP two'], ['STOP'], true)).toEqual({ text: 'one STOP', stop: 'STOP' })
})

it('passes text that only looked like the beginning of a stop string', () => {
  expect(stream(['S', 'T', 'O', 'x'], ['STOP'])).toEqual({ text: 'STOx', stop: null })
  expect(stream(['ST'], ['STOP'])).toEqual({ text: 'ST', stop: null })
})

it('takes the stop string that is complete first', () => {
  expect(stream(['abcdef'], ['cdef', 'de'])).toEqual({ text: 'abc', stop: 'de' })
})
