import { describe, expect, it } from 'vitest'
import { clearlyFastest } from '../../../src/model/faster'

describe('of variants that were timed by turns', () => {
  it('the fastest is chosen where it is clearly faster', () => {
    expect(
      clearlyFastest([
        [10, 11, 10, 12],
        [8, 8, 9, 8],
        [6, 7, 6, 6],
      ]),
    ).toBe(2)
  })

  it('the first one stays where another is faster by less than a tenth', () => {
    expect(
      clearlyFastest([
        [10, 10, 10, 10],
        [9.2, 9.1, 9.3, 9.2],
      ]),
    ).toBe(0)
  })

  it('the first one stays where only a disturbed median makes it slow', () => {
    expect(
      clearlyFastest([
        [6, 30, 31, 29],
        [6, 6, 6, 6],
      ]),
    ).toBe(0)
  })

  it('the first one stays where another had one lucky round', () => {
    expect(
      clearlyFastest([
        [10, 10, 10, 10],
        [2, 11, 10, 10],
      ]),
    ).toBe(0)
  })

  it('the first one stays where time ran out after two rounds', () => {
    expect(
      clearlyFastest([
        [10, 10],
        [2, 2],
      ]),
    ).toBe(0)
    expect(
      clearlyFastest([
        [10, 10, 10],
        [2, 2],
      ]),
    ).toBe(0)
  })
})
