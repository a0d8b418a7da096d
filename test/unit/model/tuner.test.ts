import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GpuDevice } from '../../../src/gpu/device'
import type { KernelVariant } from '../../../src/gpu/kernel'
import type { Dispatch, Pipeline } from '../../../src/gpu/pipeline'
import type { BatchShape } from '../../../src/model/batch'
import { type TuningBatch, tune } from '../../../src/model/tuner'
import { candidates, hardware, tacticOf } from '../../../src/model/variants'

/** What the runs of a pipeline take on a clock that moves with them alone: milliseconds of one. */
type Cost = (lanes: number, what: string, run: number) => number

/** The candidates of `matvec` that a device without subgroups runs, by their lanes. */
const [lanes, otherLanes] = [hardware.matvec.workgroup_size, candidates.matvec[0]!.workgroup_size]

const info = {
  features: [],
  subgroupMinSize: null,
  limits: { maxComputeInvocationsPerWorkgroup: 256 },
}

/** A product of so many bytes. */
function product(what: string, bytes: number): Dispatch<BatchShape> {
  const { subgroups, ...point } = hardware.matvec
  const variant: KernelVariant = { constants: point, conditions: { subgroups } }
  const pipeline = { kernel: { shader: 'matvec' }, variant }
  const dispatch = {
    ...{ pipeline, bindGroup: {}, grid: () => [1, 1, 1], shape: () => ({}) },
    ...{ tactic: tacticOf('matvec', what), bytes: () => bytes },
  }
  return dispatch as unknown as Dispatch<BatchShape>
}

interface Device {
  readonly isFallbackAdapter?: boolean
  /** What a pipeline has taken to compile. */
  readonly compileMs?: number
  /** What a submit takes beside its work, and by how much the clock goes on at a time. */
  readonly submitMs?: number
  readonly clockMs?: number
}

/** Times the products; `compile` resolves when a pipeline of so many lanes is there. */
async function tuning(
  plan: readonly Dispatch<BatchShape>[],
  cost: Cost,
  compile: (lanes: number) => Promise<void> = async () => {},
  { isFallbackAdapter = true, compileMs = 10, submitMs = 0, clockMs = 0 }: Device = {},
) {
  let clock = 0
  const runs: string[] = []
  const gpu = {
    info: { ...info, isFallbackAdapter },
    compileMs,
    pipeline: async (kernel: unknown, variant: KernelVariant) => {
      await compile(variant.constants.workgroup_size!)
      return { kernel, variant }
    },
  } as unknown as GpuDevice
  const batch: TuningBatch = { write: () => {}, shape: {} as BatchShape }
  const tuned = await tune({
    gpu,
    plan,
    variants: hardware,
    batches: [batch],
    throwIfAborted: () => {},
    now: () => clock,
    clockMs,
    run: async ({ tactic }, { variant }: Pipeline, _, times) => {
      const own = variant.constants.workgroup_size!
      const ms = cost(own, tactic!, runs.filter((each) => each === `${tactic} ${own}`).length)
      if (times > 0) runs.push(`${tactic} ${own}`)
      const seen = () => (clockMs === 0 ? clock : clockMs * Math.floor(clock / clockMs))
      const began = seen()
      clock += submitMs + ms * times
      return seen() - began
    },
  })
  return { ...tuned, runs }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('what the tuner chooses', () => {
  it('is what is clearly faster, at its shape alone, the greatest first', async () => {
    const plan = [product('small', 10), product('great', 30), product('middle', 20)]
    const { tuned, timed, whyNotTimed } = await tuning(plan, (own, what) =>
      own === lanes ? 1 : what.includes('middle') ? 0.5 : 0.95,
    )
    expect(tuned).toEqual({ 'matvec middle': candidates.matvec[0] })
    expect(timed.map(({ what }) => what)).toEqual(['matvec great', 'matvec middle', 'matvec small'])
    expect(whyNotTimed).toBeNull()
  })

  it('is what it began with where times are noise', async () => {
    const noise = [1, 1.4, 0.8, 1.1, 3, 0.9, 1.2]
    const { tuned } = await tuning([product('a', 1)], (own, _, run) => {
      const ms = noise[(run + own) % noise.length]!
      return own === lanes ? ms : 0.95 * ms
    })
    expect(tuned).toEqual({})
  })

  it.each([
    { submitMs: 1.5, clockMs: 0.1 },
    { submitMs: 0.4, clockMs: 1 },
  ])('is what takes half the time, however short that is beside a submit of $submitMs ms', async (device) => {
    const gpu = { isFallbackAdapter: false, ...device }
    const cost: Cost = (own) => (own === lanes ? 0.02 : 0.01)
    const { tuned, timed } = await tuning([product('a', 1)], cost, undefined, gpu)
    expect(tuned).toEqual({ 'matvec a': candidates.matvec[0] })
    expect(timed[0]!.points.map(({ ms }) => Number(ms.toFixed(2)))).toEqual([0.02, 0.01])
    const same = await tuning([product('a', 1)], () => 0.02, undefined, gpu)
    expect(same.tuned).toEqual({})
  })

  it('is not what one late run makes of a kernel that is too short for the clock', async () => {
    const gpu = { isFallbackAdapter: false, submitMs: 0.5, clockMs: 0.1 }
    // The second run, by which it is seen how long one takes.
    const cost: Cost = (own, _, run) => (own === lanes && run === 1 ? 40 : 0.02)
    const { timed } = await tuning([product('a', 1)], cost, undefined, gpu)
    expect(timed[0]!.points.map(({ ms }) => Number(ms.toFixed(3)))).toEqual([0.02, 0.02])
  })

  it('is measured by turns', async () => {
    const { runs } = await tuning([product('a', 1)], () => 1)
    const rounds = runs.slice(-8).map((run) => Number(run.split(' ').at(-1)))
    expect(rounds).toEqual([lanes, otherLanes, otherLanes, lanes, lanes, otherLanes, otherLanes, lanes])
  })
})

describe('the tuner ends', () => {
  const plan = Array.from({ length: 40 }, (_, i) => product(`${i}`, 100 - i))

  it('after a second, whatever it has timed by then', async () => {
    for (const cost of [3, 30, 300]) {
      const { ms, timed, whyNotTimed } = await tuning(plan, () => cost)
      expect(ms).toBeLessThan(1000 + 4 * cost)
      expect(timed.length).toBeLessThan(plan.length)
      expect(whyNotTimed).toBe('The time for it was over.')
    }
  })

  it('at once where a pipeline’s first run is slow: the driver compiles when it runs', async () => {
    const { runs, tuned, whyNotTimed } = await tuning(plan, (_own, _what, run) => (run === 0 ? 500 : 1))
    expect(runs).toHaveLength(2)
    expect(tuned).toEqual({})
    expect(whyNotTimed).toContain('compiles too slowly')
  })

  it('not where a GPU’s first run is slow once, but where it is again', async () => {
    const gpu = { isFallbackAdapter: false }
    const slow = (count: number): Cost => {
      const seen = new Set<string>()
      return (_own, what) => (seen.size < count && !seen.has(what) && seen.add(what) ? 300 : 1)
    }
    const once = await tuning(plan.slice(0, 3), slow(1), undefined, gpu)
    expect(once.timed).toHaveLength(3)
    expect(once.whyNotTimed).toBeNull()
    const twice = await tuning(plan.slice(0, 3), slow(2), undefined, gpu)
    expect(twice.whyNotTimed).toContain('matvec 1 took 300 ms')
  })

  it('not where one takes too long to be tried: it stays, and smaller ones are timed', async () => {
    const cost: Cost = (_own, what) => (what === 'matvec 0' ? 120 : 2)
    const { timed, whyNotTimed } = await tuning(plan.slice(0, 3), cost)
    expect(timed.map(({ what }) => what)).toEqual(['matvec 1', 'matvec 2'])
    expect(whyNotTimed).toBe('The time for it was over.')
  })

  it('before anything runs where each of the model’s own kernels took long to compile', async () => {
    const slow = await tuning([product('first', 20)], () => 1, undefined, { compileMs: 61 })
    expect(slow.runs).toEqual([])
    expect(slow.whyNotTimed).toContain('compiles too slowly to try others: 61 ms for each kernel')
    const { timed } = await tuning([product('first', 20)], () => 1, undefined, { compileMs: 59 })
    expect(timed.length).toBe(1)
  })

  it('where no other variant is compiled in time, and begins to compile no more', async () => {
    let begun = 0
    const slow = tuning(
      plan,
      () => 1,
      (own) => {
        if (own !== otherLanes) return Promise.resolve()
        begun++
        return new Promise<void>(() => {})
      },
    )
    await vi.advanceTimersByTimeAsync(1000)
    const { tuned, timed, whyNotTimed } = await slow
    expect(tuned).toEqual({})
    expect(timed).toEqual([])
    expect(whyNotTimed).toBe('No other variant was compiled in time.')
    expect(begun).toBe(1)
  })

  it('with what it has timed before that', async () => {
    let begun = 0
    const slow = tuning(
      plan,
      () => 1,
      (own) => (own === otherLanes && ++begun > 2 ? new Promise<void>(() => {}) : Promise.resolve()),
    )
    await vi.advanceTimersByTimeAsync(1000)
    const { timed, whyNotTimed } = await slow
    expect(timed).toHaveLength(2)
    expect(whyNotTimed).toBe('No other variant was compiled in time.')
  })

  it('not where one has no other variant that compiles', async () => {
    let begun = 0
    const { timed, whyNotTimed } = await tuning(
      plan.slice(0, 3),
      () => 1,
      (own) => (own === otherLanes && ++begun === 1 ? Promise.reject(new Error('no')) : Promise.resolve()),
    )
    expect(timed).toHaveLength(2)
    expect(whyNotTimed).toBeNull()
  })
})
