import { describe, expect, it } from 'vitest'
import { settingsWords } from '../../../src/kernels/sample'
import { allowsNothing, countIds, maskOf, SamplingWriter } from '../../../src/model/sampling'
import { greedy, type SamplerSettings } from '../../../src/model/step'

describe('a mask of allowed ids', () => {
  it('has a bit for each, the lowest first', () => {
    expect(maskOf([0, 31, 32, 39], 40)).toEqual(Uint32Array.of(0x80000001, 0x81))
  })

  it.each<[string, Uint32Array, number[], boolean]>([
    ['nothing where no bit is set', maskOf([], 70), [], true],
    ['something where one is', maskOf([69], 70), [], false],
    ['nothing where all that are set are banned', maskOf([31, 69], 70), [69, 31], true],
    ['something where one of them is not', maskOf([31, 68, 69], 70), [69, 31], false],
    ['nothing where only bits past the vocabulary are set', Uint32Array.of(0, 0, 1 << 6), [], true],
    ['something in a whole last word', maskOf([63], 64), [], false],
  ])('allows %s', (_, mask, banned, nothing) => {
    expect(allowsNothing(mask, banned, mask.length === 2 ? 64 : 70)).toBe(nothing)
  })
})

it('counts start with the ids of one history, whatever was there before', () => {
  const row = new Uint32Array(6).fill(9)
  countIds({ ids: [1, 2, 2, 5, 2, 1], promptTokens: 2 }, row)
  expect([...row]).toEqual([0, 2 ** 31 + 1, 2 ** 31 + 2, 0, 0, 1])
})

describe('a row of samplers', () => {
  const write = (settings: Partial<SamplerSettings>) => {
    const words = new Uint32Array(settingsWords + 20)
    const writer = new SamplingWriter(words, 40)
    return { words, end: writer.write(0, settingsWords, { ...greedy, ...settings }, 3, 1) }
  }

  it('takes no room for lists that it does not have', () => {
    expect(write({ temperature: 1, presencePenalty: 1 }).end).toBe(settingsWords)
  })

  it('lists an id that is banned and biased once, as banned', () => {
    const { words, end } = write({
      logitBias: [
        [4, 1],
        [5, 2],
      ],
      bannedIds: [5],
    })
    expect(end).toBe(settingsWords + 4)
    expect([words[settingsWords], words[settingsWords + 2]]).toEqual([5, 4])
    const floats = new Float32Array(words.buffer)
    expect(floats[settingsWords + 1]).toBeLessThan(-1e30)
    expect(floats[settingsWords + 3]).toBe(1)
  })

  it('is refused before it is submitted where no id may be drawn', () => {
    const refused = { code: 'invalid-request', message: expect.stringContaining('No token may be drawn') }
    expect(() => write({ allowed: maskOf([], 40) })).toThrow(expect.objectContaining(refused))
    expect(() => write({ allowed: maskOf([39], 40), bannedIds: [39] })).toThrow(
      expect.objectContaining(refused),
    )
    expect(write({ allowed: maskOf([39, 2], 40), bannedIds: [39] }).end).toBe(settingsWords + 4)
  })

  it('is refused where its mask is of another vocabulary', () => {
    expect(() => write({ allowed: maskOf([3], 100) })).toThrow('a mask of 4 words for a vocabulary of 40')
  })
})
