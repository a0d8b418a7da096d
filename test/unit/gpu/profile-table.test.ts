import { describe, expect, it } from 'vitest'
import { type ProfiledStep, ProfileTable } from '../../../src/gpu/profile-table'
import { matvec } from '../../../src/kernels/matmul'
import { norm } from '../../../src/kernels/norm'

const variant = { constants: {} }
const product = {
  kernel: matvec as ProfiledStep['dispatches'][number]['pipeline']['kernel'],
  variant: { ...variant, modules: { weights: 'weights/q4_1' }, conditions: { gated: true, biased: false } },
}
const normed = { kernel: norm as typeof product.kernel, variant }

/** A step of a norm and two products, of 10, 1000 and 2000 bytes. */
const step: ProfiledStep = {
  phase: 'decode',
  tokens: 1,
  wallMs: 5,
  dispatches: [
    { pipeline: normed, bytes: 10 },
    { pipeline: product, bytes: 1000 },
    { pipeline: product, bytes: 2000 },
  ],
}

/** Begin and end of each dispatch, one after the other from an odd moment, for dispatches of so many nanoseconds. */
function times(durations: readonly number[], tick = 1, gap = 7): BigUint64Array {
  const all: bigint[] = []
  let at = 123_456_789
  for (const ns of durations) {
    all.push(BigInt(at - (at % tick)))
    at += ns
    all.push(BigInt(at - (at % tick)))
    at += gap
  }
  return BigUint64Array.from(all)
}

describe('a table of steps', () => {
  it('adds calls, bytes and times of each form of a kernel, the slowest first', () => {
    const table = new ProfileTable(null)
    table.add(step, times([1_000_000, 2_000_000, 1_000_000]))
    table.add(step, times([1_000_000, 3_000_000, 2_000_000]))
    expect(table.result()).toEqual({
      whyNoTimes: null,
      clockNs: 1,
      phases: [
        {
          phase: 'decode',
          steps: 2,
          tokens: 2,
          wallMs: 10,
          gpuMs: 10,
          kernels: [
            {
              kernel: 'matvec',
              variant: 'q4_1, gated',
              calls: 4,
              bytes: 6000,
              ms: 8,
              gbPerSecond: 6000 / 8e6,
              share: 0.8,
            },
            { kernel: 'norm', variant: '', calls: 2, bytes: 20, ms: 2, gbPerSecond: 20 / 2e6, share: 0.2 },
          ],
        },
      ],
    })
  })

  it('keeps phases apart', () => {
    const table = new ProfileTable(null)
    table.add({ ...step, phase: 'prefill', tokens: 100 }, times([100, 100, 100]))
    table.add(step, times([100, 100, 100]))
    const { phases } = table.result()
    expect(phases.map(({ phase, tokens }) => [phase, tokens])).toEqual([
      ['prefill', 100],
      ['decode', 1],
    ])
  })
})

describe('a clock', () => {
  it('of coarse ticks is told, and gives times that are long against them only', () => {
    const table = new ProfileTable(null)
    const tick = 65_536
    for (let i = 0; i < 40; i++) table.add(step, times([100, 1_000_000, 900_000], tick, 1000 * i))
    const { clockNs, phases } = table.result()
    expect(clockNs).toBe(tick)
    const [slow, quick] = phases[0]!.kernels
    expect(slow!.ms).toBeGreaterThan(74)
    expect(slow!.ms).toBeLessThan(78)
    expect(quick).toMatchObject({ kernel: 'norm', calls: 40, ms: null, gbPerSecond: null, share: null })
  })

  it.each([
    ['that stands still', times([0, 0, 0], 1, 0), 'The clock of this GPU stood still.'],
    ['that runs backwards', times([50, -40, 50]), 'The clock of this GPU ran backwards.'],
  ])('%s gives no times', (_, wrong, why) => {
    const table = new ProfileTable(null)
    table.add(step, wrong)
    table.add(step, null)
    const { whyNoTimes, clockNs, phases } = table.result()
    expect({ whyNoTimes, clockNs }).toEqual({ whyNoTimes: why, clockNs: null })
    expect(phases[0]).toMatchObject({ steps: 2, wallMs: 10, gpuMs: null })
    for (const row of phases[0]!.kernels)
      expect(row).toMatchObject({ ms: null, gbPerSecond: null, share: null })
    expect(phases[0]!.kernels.map(({ bytes }) => bytes)).toEqual([6000, 20])
  })

  it('that is not there leaves calls and bytes', () => {
    const table = new ProfileTable('no clock')
    table.add(step, null)
    expect(table.result()).toMatchObject({ whyNoTimes: 'no clock', phases: [{ steps: 1, gpuMs: null }] })
    expect(new ProfileTable(null).result()).toEqual({ whyNoTimes: null, clockNs: null, phases: [] })
  })
})
