import { describe, expect, inject, it } from 'vitest'
import type { LoadedModel } from '../../../src/model/load'
import { greedy } from '../../../src/model/step'
import type { StoredTactics, TacticsOptions } from '../../../src/model/tactics'
import { hardware, packedDotFeature, software, type Variants } from '../../../src/model/variants'
import type { Tune } from '../../../src/util/tune'
import { countingGpu } from '../../support/count-device'
import { expectSame } from '../../support/gpu-compare'
import { loadModelBytes, type TestLoadOptions } from '../../support/load-model'
import { sharingGpu } from '../../support/sharing-gpu'
import { tinyModel } from '../../support/tiny-model'
import { replaceMethod, watchDevices } from '../../support/watch-device'

/** SwiftShader compiles each model's kernels for ten seconds or more: there one of each kind shows that all is wired alike. */
const one = inject('adapter') === 'swiftshader' && !inject('long')
function some<Case>(cases: readonly Case[]): readonly Case[] {
  return one ? cases.slice(0, 1) : cases
}

const { features: adapterFeatures } = (await navigator.gpu.requestAdapter())!
const { file } = tinyModel()
/** Its rows are as long as those that known cases have products make. */
const wide = tinyModel({ hidden: 512, heads: 8, kvHeads: 2, headDim: 64, types: { q: 'Q8_0' } }).file
const ids = [5, 1, 4, 2, 8]

/** A GPU whose compiler makes something else of a kernel, where its code has `mark`. */
function wrongGpu(shader: string, mark: string, right: string, wrong: string): GPU {
  return watchDevices(sharingGpu(), (device) => {
    const create = replaceMethod(device, 'createShaderModule', (descriptor: GPUShaderModuleDescriptor) => {
      const { label, code } = descriptor
      if (label !== shader || !code.includes(mark)) return create(descriptor)
      expect(code, `${shader} has no “${right}”`).toContain(right)
      return create({ ...descriptor, code: code.replaceAll(right, wrong) })
    })
  })
}

function tactics(tune: Tune, kept: Map<string, unknown> = new Map(), phases: string[] = []): TacticsOptions {
  const store = {
    get: async (key: string) => kept.get(key),
    set: async (key: string, value: StoredTactics) => {
      kept.set(key, structuredClone(value))
    },
  }
  return { tune, store, browser: 'a browser 1.0', onTuning: () => phases.push('tuning') }
}

async function load<Result>(
  options: TestLoadOptions,
  use: (model: LoadedModel) => Promise<Result>,
  bytes = file,
): Promise<Result> {
  const model = await loadModelBytes(bytes, options)
  try {
    return await use(model)
  } finally {
    model.destroy()
  }
}

async function logitsOf({ runner }: LoadedModel): Promise<Uint32Array> {
  const chunk = {
    ...{ slot: 0, start: 0, ids, blocks: [0], copyBlock: null, copyState: null },
    ...{ sampler: greedy, logprobs: null, promptLogprobs: null },
  }
  await runner.run([chunk])
  return new Uint32Array((await runner.readLogits(1)).buffer)
}

const stores = 'y[at] = value;'
const decodeStores = 'output[n * quads_at_once + u];'
const bySegment = 'const segment_lanes: u32 = 8u;'

describe('a variant that computes wrongly', () => {
  const wrongs = [
    ['far from what is known', 'y[at] = 1.5 * value;'],
    ['in its last bits only', 'y[at] = 1.0000003 * value;'],
  ] as const
  it.each(some(wrongs))('%s is dropped for the universal one, and reported', async (_, wrong) => {
    const gpu = wrongGpu('matvec', bySegment, stores, wrong)
    const [logits, info] = await load(
      { gpu, variants: [hardware, software], tactics: tactics('off') },
      async (model) => [await logitsOf(model), model.info] as const,
    )
    const variants = { ...hardware, matvec: software.matvec }
    expect(info.variants).toEqual(variants)
    expect(info.dropped.map(({ name }) => name)).toEqual(['matvec: workgroup_size 64, segment_lanes 8'])
    const [{ error, reason }] = info.diagnostics.dropped as [StoredTactics['dropped'][0]]
    if (wrong.includes('1.5')) expect(error).toBeGreaterThan(0.01)
    else expect(reason).toContain('other bits than the universal variant')
    const right = await load({ variants }, logitsOf)
    expectSame('logits', logits, right)
  })

  it('ends the load where it is the universal one', async () => {
    const gpu = wrongGpu('matvec', '', stores, 'y[at] = value + 1.0;')
    const loading = load({ gpu, variants: [hardware, software], tactics: tactics('off') }, logitsOf)
    await expect(loading).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringMatching(/the kernel matvec computes a case wrongly whose answer is known/),
    })
  })

  it.skipIf(one)('is dropped where it takes integers', async () => {
    const gpu = wrongGpu('int8_matvec', bySegment, stores, 'y[at] = 1.0000003 * value;')
    const options = { gpu, variants: hardware, precision: 'fast', tactics: tactics('off') } as const
    const { dropped, variants } = await load(options, async ({ info }) => info)
    expect(variants).toEqual({ ...hardware, int8Matvec: software.int8Matvec })
    expect(dropped.map(({ name }) => name)).toEqual(['int8Matvec: workgroup_size 64, segment_lanes 8'])
  })

  it.skipIf(one)('is left out where it is the product of packed integers', async () => {
    const right = 'dot4I8Packed('
    const gpu = wrongGpu('int8_matmul', right, right, '-dot4I8Packed(')
    const options = { gpu, variants: hardware, precision: 'fast', tactics: tactics('off') } as const
    const { dropped, variants } = await load(options, async ({ info }) => info)
    const has = navigator.gpu.wgslLanguageFeatures.has(packedDotFeature)
    expect(variants).toEqual({ ...hardware, packedDot: has ? 0 : 1 })
    expect(dropped.map(({ name }) => name)).toEqual(has ? ['packedDot: 1'] : [])
  })

  it.skipIf(one)('does not answer where rows are rounded to other integers', async () => {
    const gpu = wrongGpu('int8_rows', '', '(1.0 / 127.0)', '(1.0 / 126.0)')
    const loading = load({ gpu, variants: hardware, precision: 'fast', tactics: tactics('off') }, logitsOf)
    await expect(loading).rejects.toMatchObject({
      message: expect.stringContaining('the kernel int8_rows computes a case wrongly'),
    })
  })

  type Halves = readonly [Variants, Parameters<typeof wrongGpu>]
  const halfRows: readonly Halves[] = [
    [software, ['half_rows', '', 'exponent - 14u', 'exponent - 13u']],
    [software, ['matmul', 'fn quad_of', 'scale * extras', 'scale * 1.0001 * extras']],
    [software, ['matmul', 'fn quad_of', 'scale * extras', 'scale * 1.0000003 * extras']],
  ]
  it.skipIf(one).each(halfRows)('is left out where it is rows as f16, %#', async (point, wrong) => {
    const gpu = wrongGpu(...wrong)
    const options = { variants: [point], invariance: 'off', tactics: tactics('off') } as const
    const { dropped, variants } = await load({ ...options, gpu }, async ({ info }) => info)
    const has = adapterFeatures.has('shader-f16')
    expect(variants).toEqual({ ...point, halfRows: has ? 0 : 1 })
    expect(dropped.map(({ name }) => name)).toEqual(has ? ['halfRows: 1'] : [])
  })

  const rounded = [
    ['roundedNorms', 'fn own_quads', 'params.norm_eps', '(params.norm_eps + 1.0)'],
    ['roundedSplits', 'fn splits_of', 'return total / sum', 'return total'],
  ] as const
  it.skipIf(one).each(rounded)(
    'is left out where it is rounded rows that err: %s',
    async (name, ...wrong) => {
      const options = { precision: 'fast', tactics: tactics('off') } as const
      const gpu = wrongGpu('int8_rows', ...wrong)
      const [logits, { variants, diagnostics }] = await load(
        { ...options, gpu, variants: [hardware] },
        async (model) => [await logitsOf(model), model.info] as const,
        wide,
      )
      expect(variants).toEqual({ ...hardware, packedDot: expect.any(Number), [name]: 0 })
      expect(diagnostics.dropped.map((each) => each.name)).toEqual([`${name}: ${hardware[name]}`])
      const right = await load({ ...options, variants: hardware }, logitsOf, wide)
      expectSame('logits', logits, right)
    },
  )

  const everywhere = [
    ['attention_decode', decodeStores, `1.25 * ${decodeStores}`],
    ['embed', 'id += params.id_offset;', 'id += params.id_offset + 1u;'],
    ['gather_rows', 'params.rows_at + group.x', 'params.rows_at + group.x + 1u'],
  ] as const
  it.each(some(everywhere))('does not answer where it is %s at every point', async (shader, right, wrong) => {
    const gpu = wrongGpu(shader, '', right, wrong)
    const loading = load({ gpu, variants: [hardware, software], tactics: tactics('off') }, logitsOf)
    await expect(loading).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining(`the kernel ${shader} computes a case wrongly`),
    })
  })

  const points = [
    ['attention_decode', 'attentionDecode', 'const workgroup_size: u32 = 64u;'],
    ['norm', 'rowLanes', 'const workgroup_size: u32 = 128u;'],
    ['rope_kv', 'headLanes', 'const workgroup_size: u32 = 32u;'],
  ] as const
  it.each(some(points))('is found where it is %s', async (shader, kind, mark) => {
    const right = { attention_decode: decodeStores, norm: 'params.eps', rope_kv: 'turn.y' }[shader]
    const wrong = {
      attention_decode: `1.25 * ${decodeStores}`,
      norm: '(params.eps + 1.0)',
      rope_kv: '(-turn.x)',
    }[shader]
    const gpu = wrongGpu(shader, mark, right, wrong)
    const { variants, dropped } = await load(
      { gpu, variants: [hardware, software], tactics: tactics('off') },
      async ({ info }) => info,
    )
    expect(variants[kind]).toEqual(software[kind])
    expect(dropped.map(({ name }) => name.split(':')[0])).toEqual([kind])
  })
})

/** Of the wide model: every variant gives the same bits. */
let rightLogits: Uint32Array | null = null
const fusions = { fusedHeads: 0, ownNorms: 0, mergedSplits: 0, roundedNorms: 0, roundedSplits: 0 } as const
const apart = { ...fusions, name: 'kernels-apart', halfRows: 0 } as const

describe('what one kernel does instead of two', () => {
  type Fused = readonly [
    fusion: keyof typeof fusions,
    how: string,
    Variants,
    readonly [shader: string, mark: string, right: string, wrong: string],
  ]
  const fused: readonly Fused[] = [
    [
      'fusedHeads',
      'another head',
      software,
      ['project_heads', '', 'head_of(token, number)', 'head_of(token, number ^ 1u)'],
    ],
    [
      'fusedHeads',
      'last bits',
      hardware,
      ['project_heads', '', 'finished(head, d) * scale', 'finished(head, d) * (1.0000003 * scale)'],
    ],
    [
      'ownNorms',
      'another scale',
      hardware,
      ['matvec', 'fn own_quads', 'params.norm_eps', '(params.norm_eps + 1.0)'],
    ],
    ['mergedSplits', 'no sum', hardware, ['matvec', 'fn splits_of', 'return total / sum', 'return total']],
  ]
  it.each(some(fused))('is done apart where it errs: %s, %s', async (fusion, _, point, wrong) => {
    const options = { gpu: wrongGpu(...wrong), variants: [point], tactics: tactics('off') }
    const [logits, info] = await load(
      options,
      async (model) => [await logitsOf(model), model.info] as const,
      wide,
    )
    expect(info.variants).toEqual({ ...point, [fusion]: 0 })
    expect(info.diagnostics.dropped.map(({ name }) => name)).toEqual([`${fusion}: ${point[fusion]}`])
    rightLogits ??= await load({ variants: { ...point, ...fusions } }, logitsOf, wide)
    expectSame('logits', logits, rightLogits)
  })
})

describe('the proof', () => {
  it.each(some([software, hardware]))(
    'tries every kernel that a llama’s token takes, $name',
    async (variants) => {
      const { proof } = await load(
        { variants, tactics: tactics('off') },
        async ({ info }) => info.diagnostics,
        wide,
      )
      expect(proof!.untried).toEqual([])
    },
  )
})

describe('a load without a proof', () => {
  it('takes kernels that do one thing each where the others fail the last check', async () => {
    const right = 'finished(head, d) * scale'
    const gpu = wrongGpu('project_heads', '', right, `1.0000003 * ${right}`)
    const [logits, info] = await load({ gpu }, async (model) => [await logitsOf(model), model.info] as const)
    expect(info.variants).toEqual({ ...software, ...apart })
    expect(info.dropped.map(({ name }) => name)).toContain(software.name)
    expectSame('logits', logits, await load({ variants: info.variants }, logitsOf))
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
