import { beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { lazyParts } from '../../../src/model/lazy-parts'
import type { LoadedModel } from '../../../src/model/load'
import type { StoredTactics } from '../../../src/model/tactics'
import type { TuningLimits } from '../../../src/model/tuner'
import {
  candidates,
  inWords,
  type TunablePoint,
  tunableKinds,
  type Variants,
} from '../../../src/model/variants'
import type { TimedVariants } from '../../../src/util/diagnostics'
import { OctavoError } from '../../../src/util/octavo-error'
import type { Precision } from '../../../src/util/precision'
import { countingGpu } from '../../support/count-device'
import { expectSame } from '../../support/gpu-compare'
import type { TestLoadOptions } from '../../support/load-model'
import { load, logitsOf, tactics, wrongGpu } from '../../support/load-tactics'

/** So that all is timed, however slow the adapter is. */
const limits: TuningLimits = {
  allMs: 500_000,
  compileMs: 100_000,
  slowestCompileMs: 100_000,
  slowestFirstRunMs: 100_000,
}

/** For each dispatch that was timed, the last of those points that were not chosen. */
function othersThan(timed: readonly TimedVariants[]): NonNullable<Variants['tuned']> {
  const others = timed.map(({ what, points, chosen }) => {
    const kind = tunableKinds.find((each) => what.startsWith(`${each} `))!
    const tried: readonly TunablePoint[] = candidates[kind]
    const names = points.map(({ point }) => point)
    return [
      what,
      tried.filter((point) => names.includes(inWords(point)) && inWords(point) !== chosen).at(-1)!,
    ]
  })
  return Object.fromEntries(others) as NonNullable<Variants['tuned']>
}

/** What timing says of the tiny model, and what it keeps. */
async function timing(precision: Precision) {
  const kept = new Map<string, unknown>()
  const options = { precision, tactics: { ...tactics('full', kept), limits } }
  const [logits, { diagnostics }] = await load(
    options,
    async (model) => [await logitsOf(model), model.info] as const,
  )
  const [stored] = [...kept.values()] as StoredTactics[]
  return { logits, diagnostics, stored: stored! }
}

const productKinds = {
  exact: { name: 'matvec', shader: 'matvec' },
  fast: { name: 'int8Matvec', shader: 'int8_matvec' },
} as const

const precisions: readonly Precision[] = inject('adapter') === 'swiftshader' ? ['exact'] : ['exact', 'fast']

describe.each(precisions)('with the precision %s', (precision) => {
  let timed: Awaited<ReturnType<typeof timing>>
  let plain: Uint32Array
  beforeAll(async () => {
    timed = await timing(precision)
    plain = await load({ precision }, logitsOf)
  })

  it('variants of every shape are timed where there is time, and what is chosen gives the same bits', () => {
    const { logits, diagnostics } = timed
    expect(diagnostics).toMatchObject({ from: 'timed', whyNotTimed: null, dropped: [] })
    const products = precision === 'exact' ? ['matvec', 'matmul'] : ['int8Matvec', 'int8Matmul']
    const of = diagnostics.timed.map(({ what }) => what.split(' ')[0]!)
    expect(of).toEqual(expect.arrayContaining([...products, 'attentionDecode']))
    for (const { points, chosen } of diagnostics.timed) {
      expect(points.length).toBeGreaterThan(1)
      expect(points.map(({ point }) => point)).toContain(chosen)
      expect(points.some(({ ms }) => ms > 0)).toBe(true)
    }
    expectSame('logits', logits, plain)
  })

  it('a kept choice of points by shape is proven and gives the same bits', async () => {
    const tuned = othersThan(timed.diagnostics.timed)
    const variants = { ...timed.stored.variants, tuned }
    const store = {
      get: async () => ({ ...timed.stored, variants, proven: 'others' }),
      set: async () => {},
    }
    const [logits, info] = await load(
      { precision, tactics: { ...tactics('cached'), store } },
      async (model) => [await logitsOf(model), model.info] as const,
    )
    expect(info.diagnostics).toMatchObject({ from: 'cached', dropped: [] })
    expect(info.variants.tuned).toEqual(tuned)
    expect(info.diagnostics.proof!.tried).toBeGreaterThan(5)
    expectSame('logits', logits, plain)
  })

  it('a choice by shape that errs in the whole model gives way to the points of all shapes', async () => {
    const { variants: own, ...kind } = { ...timed.stored, ...productKinds[precision] }
    // Of attention's output, which is added to what is there.
    const what = `${kind.name} Q4_1 [64, 64]`
    expect(timed.diagnostics.timed.map((each) => each.what)).toContain(what)
    const lanes = own[kind.name].workgroup_size
    const point = candidates[kind.name].find((each) => each.workgroup_size !== lanes)!
    const mark = `const workgroup_size: u32 = ${point.workgroup_size}u;`
    const gpu = wrongGpu(kind.shader, mark, 'y[at] += value;', 'y[at] += 1.5 * value;')
    const variants = [{ ...own, tuned: { [what]: point } }]
    const info = await load({ precision, gpu, variants }, async (model) => model.info)
    expect(info.variants.tuned).toBeUndefined()
    expect(info.dropped.map(({ name }) => name)).toEqual([`${own.name}, tuned`])
  })
})

describe('a load whose tuner cannot be fetched', () => {
  it('goes on without, and keeps nothing', async () => {
    const error = new OctavoError('network', 'The part could not be fetched.', 'Try again.')
    const fetching = vi.spyOn(lazyParts.tuner, 'fetch').mockRejectedValue(error)
    const kept = new Map<string, unknown>()
    try {
      const { diagnostics } = await load({ tactics: tactics('cached', kept) }, async ({ info }) => info)
      expect(diagnostics).toMatchObject({
        from: 'defaults',
        dropped: [],
        timed: [],
        whyNotTimed: error.message,
      })
      expect(diagnostics.proof).not.toBeNull()
      expect(kept.size).toBe(0)
    } finally {
      fetching.mockRestore()
    }
  })
})

describe('what a load has chosen', () => {
  it('is neither timed nor proven by the next one, unless it is asked for', async () => {
    const kept = new Map<string, unknown>()
    const phases: string[] = []
    const { gpu, counts, reset } = countingGpu(navigator.gpu)
    const loadCounted = async (options: TestLoadOptions) => {
      reset()
      const { variants } = await load({ gpu, ...options }, async ({ info }) => ({
        variants: info.diagnostics,
      }))
      return { ...variants, dispatches: counts.dispatches }
    }
    const plain = await loadCounted({})
    const first = await loadCounted({ tactics: tactics('cached', kept, phases) })
    expect(first).toMatchObject({ from: 'timed', dropped: [], proof: { untried: expect.any(Array) } })
    expect(first.proof!.known).toBeGreaterThan(5)
    expect(first.timed.length + (first.whyNotTimed === null ? 0 : 1)).toBeGreaterThan(0)
    expect(first.dispatches).toBeGreaterThan(plain.dispatches)
    expect(kept.size).toBe(1)

    const second = await loadCounted({ tactics: tactics('cached', kept, phases) })
    expect(second).toMatchObject({
      from: 'cached',
      chosen: first.chosen,
      timed: first.timed,
      proof: null,
      tuneMs: 0,
    })
    expect(second.dispatches).toBe(plain.dispatches)
    expect(phases).toEqual(['tuning'])

    const anew = await loadCounted({ tactics: tactics('full', kept, phases) })
    expect(anew.from).toBe('timed')
    expect(anew.dispatches).toBeGreaterThan(plain.dispatches)
    expect(phases).toEqual(['tuning', 'tuning'])
    expect(kept.size).toBe(1)
  })

  it('without timing is proven once, too', async () => {
    const kept = new Map<string, unknown>()
    const first = await load({ tactics: tactics('off', kept) }, async ({ info }) => info.diagnostics)
    expect(first).toMatchObject({ from: 'defaults', timed: [], whyNotTimed: 'Timing was off.', tuneMs: 0 })
    expect(first.proof).not.toBeNull()
    const second = await load({ tactics: tactics('off', kept) }, async ({ info }) => info.diagnostics)
    expect(second).toMatchObject({ from: 'defaults', proof: null })
  })

  it('is nothing where the load is aborted meanwhile, and no memory is left over where it is not', async () => {
    const kept = new Map<string, unknown>()
    const aborting = new AbortController()
    const options = tactics('full', kept)
    const onTuning = () => aborting.abort()
    const loading = load({ tactics: { ...options, onTuning }, signal: aborting.signal }, logitsOf)
    await expect(loading).rejects.toMatchObject({ code: 'aborted' })
    expect(kept.size).toBe(0)
    const bytes = ({ info }: LoadedModel) => Promise.resolve(info.gpuBytes)
    const plain = await load({}, bytes)
    const proven = await load({ tactics: tactics('off') }, bytes)
    expect(proven).toBe(plain)
  })
})
