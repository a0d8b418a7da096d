import { describe, expect, it } from 'vitest'
import { loadFigures, loadShare, phaseWords } from '../../../demo/model/load-words'
import { TransferRate } from '../../../demo/model/transfer-rate'

const fetching = { phase: 'fetching', loadedBytes: 50e6, totalBytes: 145e6, storedBytes: 0 } as const

describe('the words of a load', () => {
  it('says bytes, rate and time left', () => {
    expect(loadFigures({ ...fetching, bytesPerSecond: 9.5e6 })).toBe(
      '50 MB of 145 MB · 9.5 MB a second · 10 seconds left',
    )
  })

  it('says no time where there is no rate yet', () => {
    expect(loadFigures({ ...fetching, bytesPerSecond: null })).toBe('50 MB of 145 MB')
    expect(loadFigures({ ...fetching, bytesPerSecond: 0 })).toBe('50 MB of 145 MB')
  })

  it('tells fetching from reading what is on the device', () => {
    expect(phaseWords(fetching)).toBe('Fetching the weights')
    expect(phaseWords({ ...fetching, storedBytes: 50e6 })).toBe('Reading from this device')
  })

  it('never goes back as phases follow each other', () => {
    const { loadedBytes, totalBytes, ...rest } = fetching
    const shares = [
      loadShare({ ...rest, phase: 'resolving', loadedBytes: 0, totalBytes: 0 }),
      loadShare({ ...rest, phase: 'preparing', loadedBytes: 0, totalBytes }),
      loadShare({ ...rest, loadedBytes, totalBytes }),
      loadShare({ ...rest, loadedBytes: totalBytes, totalBytes }),
      loadShare({ ...rest, phase: 'warming-up', loadedBytes: totalBytes, totalBytes }),
      loadShare({ ...rest, phase: 'tuning', loadedBytes: totalBytes, totalBytes }),
      loadShare({ ...rest, phase: 'ready', loadedBytes: totalBytes, totalBytes }),
    ]
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
  })
})

describe('the rate of a download', () => {
  it('is unknown until half a second has been seen', () => {
    const rate = new TransferRate()
    rate.add(0, 0)
    rate.add(400, 4e6)
    expect(rate.bytesPerSecond).toBeNull()
    rate.add(1000, 10e6)
    expect(rate.bytesPerSecond).toBe(10e6)
  })

  it('is that of the last seconds', () => {
    const rate = new TransferRate(5000)
    for (let second = 0; second <= 10; second++) rate.add(second * 1000, second * 10e6)
    for (let second = 11; second <= 20; second++) rate.add(second * 1000, 100e6 + (second - 10) * 1e6)
    expect(rate.bytesPerSecond).toBe(1e6)
  })
})
