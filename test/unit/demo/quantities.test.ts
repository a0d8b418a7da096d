import { describe, expect, it } from 'vitest'
import {
  formatBytes,
  formatMeasured,
  formatParameters,
  formatRate,
  formatSeconds,
} from '../../../demo/quantities'

describe('figures as a person reads them', () => {
  it.each([
    [512, '512 B'],
    [87_300, '87 kB'],
    [4_250_000, '4.3 MB'],
    [144_811_456, '145 MB'],
    [1_370_000_000, '1.37 GB'],
    [13_700_000_000, '13.7 GB'],
  ])('writes %i bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it.each([
    [0.3, 'a second'],
    [4.4, '4 seconds'],
    [43, '45 seconds'],
    [70, 'a minute'],
    [200, '3 minutes'],
    [4000, 'an hour'],
    [9000, '3 hours'],
  ])('says %d seconds as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text)
  })

  it('writes measured times, rates and parameters', () => {
    expect(formatMeasured(83.6)).toBe('84 ms')
    expect(formatMeasured(1250)).toBe('1.25 s')
    expect(formatRate(8.44)).toBe('8.4')
    expect(formatRate(112.3)).toBe('112')
    expect(formatParameters(134_515_008)).toBe('135 M')
    expect(formatParameters(1_711_000_000)).toBe('1.7 B')
  })
})
