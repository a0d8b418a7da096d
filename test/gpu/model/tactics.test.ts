import { describe, expect, inject, it } from 'vitest'
import type { StoredTactics } from '../../../src/model/tactics'
import { hardware, packedDotFeature, software, type Variants } from '../../../src/model/variants'
import { expectSame } from '../../support/gpu-compare'
import { load, logitsOf, tactics, wide, wrongGpu } from '../../support/load-tactics'
import { replaceMethod, watchDevices } from '../../support/watch-device'

/** SwiftShader compiles each model's kernels for ten seconds or more: there one of each kind shows that all is wired alike. */
const one = inject('adapter') === 'swiftshader' && !inject('long')
function some<Case>(cases: readonly Case[]): readonly Case[] {
  return one ? cases.slice(0, 1) : cases
}

const { features: adapterFeatures } = (await navigator.gpu.requestAdapter())!
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
    // What rounds its rows by itself goes first.
    expect(variants).toEqual({ ...hardware, ownRoundings: 0, int8Matvec: software.int8Matvec })
    expect(dropped.map(({ name }) => name)).toEqual([
      'ownRoundings: 1',
      'int8Matvec: workgroup_size 64, segment_lanes 8',
    ])
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

  it.skipIf(one)('is left out with its whole point where the kernel has no point of its own', async () => {
    const mark = 'const workgroup_size: u32 = 128u;'
    const gpu = wrongGpu('embed', mark, 'id += params.id_offset;', 'id += params.id_offset + 1u;')
    const { variants, dropped } = await load(
      { gpu, variants: [hardware, software], tactics: tactics('off') },
      async ({ info }) => info,
    )
    expect(variants).toEqual(software)
    expect(dropped.map(({ name }) => name)).toEqual([hardware.name])
    expect(dropped[0]!.reason).toContain('the kernel embed computes a case wrongly')
  })
})

/** Of the wide model: every variant gives the same bits. */
let rightLogits: Uint32Array | null = null
const fusions = {
  fusedHeads: 0,
  ownNorms: 0,
  mergedSplits: 0,
  roundedNorms: 0,
  roundedSplits: 0,
  ownRoundings: 0,
} as const
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
      for (const precision of ['exact', 'fast'] as const) {
        const { proof } = await load(
          { variants, precision, tactics: tactics('off') },
          async ({ info }) => info.diagnostics,
          wide,
        )
        expect(proof!.untried).toEqual([])
      }
    },
  )
})

describe('a device that does not run a step', () => {
  it.skipIf(one)('ends the load where it refuses the step, in its words', async () => {
    const gpu = watchDevices(navigator.gpu, (device) => {
      const create = replaceMethod(device, 'createBindGroup', (descriptor: GPUBindGroupDescriptor) => {
        // A binding of a buffer that is no more.
        const [{ resource }] = descriptor.entries as [GPUBindGroupEntry]
        const { buffer } = resource as GPUBufferBinding
        if (descriptor.label === 'norm') buffer.destroy()
        return create(descriptor)
      })
    })
    const loading = load({ gpu, variants: [software] }, logitsOf)
    await expect(loading).rejects.toThrow(/the GPU refused a step: .+/s)
  })

  it('ends the load where its kernels write nothing', async () => {
    const gpu = watchDevices(navigator.gpu, (device) => {
      replaceMethod(
        device,
        'createComputePipelineAsync',
        async (descriptor: GPUComputePipelineDescriptor) => {
          const code = '@compute @workgroup_size(1) fn main() {}'
          return device.createComputePipeline({
            ...descriptor,
            compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
          })
        },
      )
    })
    const loading = load({ gpu, variants: [software] }, logitsOf)
    await expect(loading).rejects.toMatchObject({
      code: 'malformed-file',
      message: expect.stringContaining('logits are not finite'),
    })
  })

  it('ends the load where it runs a prompt at once, and nothing token by token', async () => {
    let spoiled = 0
    const gpu = watchDevices(navigator.gpu, (device) => {
      const write = replaceMethod(device.queue, 'writeBuffer', (buffer: GPUBuffer, ...rest: unknown[]) => {
        if (buffer.label.startsWith('logits,')) spoiled += 1
        return write(buffer, ...rest)
      })
      const encoder = replaceMethod(device, 'createCommandEncoder', (...args: unknown[]) => {
        const made = encoder(...args)
        const begin = replaceMethod(made, 'beginComputePass', (...args: unknown[]) => {
          const pass = begin(...args)
          const dispatch = replaceMethod(pass, 'dispatchWorkgroups', (...grid: number[]) => {
            if (spoiled < 2) dispatch(...grid)
          })
          return pass
        })
        return made
      })
    })
    const loading = load({ gpu, variants: [software] }, logitsOf)
    await expect(loading).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('at once and token by token'),
    })
    expect(spoiled).toBe(2)
  })
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
