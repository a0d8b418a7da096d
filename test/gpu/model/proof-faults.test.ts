import { describe, expect, inject, it } from 'vitest'
import type { Kernel, KernelVariant } from '../../../src/gpu/kernel'
import type { Pipeline } from '../../../src/gpu/pipeline'
import { altUpCorrect, altUpPredict, matchMagnitude } from '../../../src/kernels/alt-up'
import {
  attentionCombine,
  attentionDecode,
  attentionPrefill,
  splitSize,
} from '../../../src/kernels/attention'
import { causalConv } from '../../../src/kernels/causal-conv'
import { cutoff } from '../../../src/kernels/cutoff'
import { combineExperts, route, tileExperts } from '../../../src/kernels/experts'
import { gated } from '../../../src/kernels/gated'
import { gatedNorm } from '../../../src/kernels/gated-norm'
import { headNorm, headNormWeights, plainHeads } from '../../../src/kernels/heads'
import { kvBits } from '../../../src/kernels/kv-format'
import { pool, poolings } from '../../../src/kernels/pool'
import { rescale } from '../../../src/kernels/rescale'
import { ropeKv } from '../../../src/kernels/rope-kv'
import { adjustLogits, logprobs, sample } from '../../../src/kernels/sample'
import { deltaScan, ssmScan } from '../../../src/kernels/scan'
import { prove } from '../../../src/model/proof/prove'
import * as rare from '../../../src/model/proof/rare/cases'
import { compileKernel, type Fault } from '../../support/broken-kernel'
import { openTestGpu } from '../../support/gpu'

const gpu = await openTestGpu()
/** SwiftShader compiles each for a tenth to half a second: there the first fault of each form. */
const few = inject('adapter') === 'swiftshader' && !inject('long')
function some<Each>(faults: readonly Each[]): readonly Each[] {
  return few ? faults.slice(0, 1) : faults
}
const compile = (kernel: unknown, variant: KernelVariant, fault: Fault | null = null) =>
  compileKernel(gpu.device, kernel, variant, fault)

type Form = readonly [kernel: unknown, variant: KernelVariant, faults: readonly Fault[]]

function form(
  kernel: unknown,
  constants: Readonly<Record<string, number>>,
  conditions: readonly string[],
  ...faults: Fault[]
): Form {
  const on = Object.fromEntries(conditions.map((name) => [name, true]))
  return [kernel, { constants: { workgroup_size: 32, ...constants }, conditions: on }, faults]
}

const begins: Fault = ['if (!chunk.begins)', 'if (true)']
const router: readonly Fault[] = [
  ['params.norm_at + i', 'params.norm_at'],
  ['params.eps', '0.0'],
]

const forms: readonly Form[] = [
  form(
    adjustLogits,
    { ids_per_lane: 16 },
    [],
    ['value / penalties.repetition', 'value'],
    ['value * penalties.repetition', 'value'],
    [' - penalties.presence', ''],
    ['f32(count)', '1.0'],
    ['(id % 32u)', '(31u - id % 32u)'],
    ['bitcast<f32>(batch[biases + 2u * i + 1u])', '0.0'],
  ),
  form(
    sample,
    { workgroup_size: 64 },
    [],
    ['if (temperature > 0.0)', 'if (false)'],
    ['min(best.index,', 'min(best.index + 1u,'],
    ['sampled[slot] = id', 'sampled[0] = id'],
    ['id] += 1u', 'id] += 2u'],
    ['if (min_p > 0.0)', 'if (false)'],
    ['if (top_k > 0u || top_p < 1.0)', 'if (top_k > 0u)'],
    // The list's top-k and top-p, then those of the histogram.
    ['if (above < top_k)', 'if (true)'],
    ['if (mass_value(above) < wanted)', 'if (true)'],
    ['select(top_k > 0u, top_p < 1.0, by_mass)', 'select(false, top_p < 1.0, by_mass)'],
    ['select(top_k > 0u, top_p < 1.0, by_mass)', 'select(top_k > 0u, false, by_mass)'],
  ),
  form(
    logprobs,
    { workgroup_size: 64 },
    [],
    ['exp(logits[at + i] - greatest)', '1.01 * exp(logits[at + i] - greatest)'],
    ['u32(rank)', 'u32(rank) + 1u'],
    ['id = results[result];', 'id = results[result] + 1u;'],
    ['= limit.index;', '= limit.index + 1u;'],
  ),
  ...Array.from({ length: 12 }, (_, activation) =>
    form(gated, { activation }, activation % 2 ? ['in_place'] : [], [
      'gated_by(gate,',
      'gated_by(1.01 * gate,',
    ]),
  ),
  form(gated, { activation: 0 }, [], ['* params.part_stride', '* params.part'], ['* params.step', '']),
  form(
    attentionCombine,
    { heads: 4, value_dim: 64, split_size: splitSize, window: 0 },
    ['sinks'],
    ['total / sum', 'total'],
    ['total *= merged.keep', 'total *= 1.0'],
    ['fma(sum, keep, other_sum * take)', 'fma(sum, keep, other_sum)'],
  ),
  form(
    route,
    { experts: 16, top: 4, groups: 1, top_groups: 1 },
    [],
    ['scores[e] /= sum', 'scores[e] /= 1.01 * sum'],
    ['* params.scale', ''],
    ['routes[0] = grid.x * top', 'routes[0] = top'],
    ['index < own_index', 'index > own_index'],
  ),
  form(
    route,
    { experts: 16, top: 4, groups: 4, top_groups: 2 },
    ['logistic', 'corrected', 'best_two', 'renormalized'],
    ['= best + second', '= best'],
    ['divisor = params.eps', 'divisor = 0.0'],
    ['params.correction_at + e', 'params.correction_at'],
    ['better >= top_groups', 'better > top_groups'],
  ),
  form(
    route,
    { experts: 16, top: 4, groups: 4, top_groups: 2 },
    ['logistic'],
    ['(g + 1u) * members', '(g + 2u) * members'],
    ['best = max(best, choices[e])', 'best = choices[e]'],
  ),
  form(
    tileExperts,
    { experts: 8, tokens_per_lane: 4 },
    [],
    ['place % tokens_per_lane] = i', '(place + 1u) % tokens_per_lane] = i'],
    ['tiles[0] = tile', 'tiles[0] = tile + 1u'],
    ['tiles[at] = e', 'tiles[at] = e + 1u'],
    ['0xffffffffu', '0u'],
  ),
  form(combineExperts, { top: 3 }, ['residual'], ['fma(params.scale, sum, y[at])', 'params.scale * sum']),
  form(combineExperts, { top: 3 }, [], ['= params.scale * sum', '= sum'], ['k < top', 'k < top - 1u']),
  form(
    causalConv,
    { taps: 4 },
    ['gated', 'biased'],
    begins,
    ['value * x[at + params.before_offset', 'value * x[at + params.after_offset'],
    ['value * x[row * params.x_stride + params.after_offset', 'value * x[row * params.x_stride'],
    ['bias = constants[params.bias_offset + channel]', 'bias = 0.0'],
    ['state[kept + params.channels] = inputs.z', 'state[kept + params.channels] = inputs.w'],
    ['params.run * params.run_stride', 'params.run * params.run'],
  ),
  form(causalConv, { taps: 3 }, ['activated'], ['silu(sum)', 'sum'], ['4u - taps + tap', 'tap']),
  form(
    ssmScan,
    { heads: 4, head_dim: 8, state_dim: 16 },
    [],
    begins,
    ['params.dt_scale', '1.0'],
    ['params.least_dt', '0.0'],
    ['params.most_dt', '100.0'],
    ['head / params.group_heads', '0u * head'],
    ['fma(through, input, sum)', 'sum'],
    ['rows[own] * keep', 'rows[own]'],
    ['head_dim] = rows[own]', 'head_dim] = 0.5 * rows[own]'],
  ),
  form(
    deltaScan,
    { heads: 4, key_dim: 16, value_dim: 8 },
    [],
    begins,
    ['columns[own] * keep', 'columns[own]'],
    ['head / params.key_run % params.key_heads', '0u * head'],
    ['params.gates_run * params.gates_run_stride', 'params.gates_run * params.gates_run'],
    ['let change = beta *', 'let change ='],
    ['fma(-total(known), key_scale, value)', 'value'],
    ['* f32(key_dim)', ''],
    ['value_dim] = columns[own]', 'value_dim] = 0.5 * columns[own]'],
  ),
  form(
    gatedNorm,
    {},
    ['normed'],
    ['+ params.eps', ''],
    ['* params.gate_scale', ''],
    ['var norm = params.scale', 'var norm = 1.0'],
    ['value *= constants[weights + i]', 'value *= 1.0'],
    ['params.gate_run * params.gate_run_stride', 'params.gate_run * params.gate_run'],
  ),
  form(gatedNorm, {}, ['normed', 'gate_first'], ['value *= silu(', 'value *= 0.0 * silu(']),
  form(gatedNorm, {}, [], ['params.gate_scale', '1.0']),
  form(
    altUpPredict,
    { streams: 4 },
    [],
    ...router,
    ['j == params.main_stream', 'j == 0u'],
    ['* streams + k]', '* streams]'],
  ),
  form(
    altUpCorrect,
    { streams: 4 },
    ['output_scaled'],
    ...router,
    ['= 1.0 + coefficient(j)', '= coefficient(j)'],
    ['* constants[params.scale_at + i]', ''],
  ),
  form(altUpCorrect, { streams: 4 }, [], ['j == params.main_stream', 'j == 0u']),
  form(matchMagnitude, { streams: 4 }, [], ['params.floor', '0.0'], ['sqrt(workgroup_sum', '(workgroup_sum']),
  form(matchMagnitude, { streams: 4 }, ['averaged'], ['sum / f32(streams)', 'sum']),
  form(cutoff, {}, [], ['params.deviations', '1.0'], ['y[row + i] - mean;', 'y[row + i];']),
  form(rescale, {}, ['added'], ['value += x[at]', 'value += 0.0'], ['params.scale *', '']),
  form(rescale, {}, ['learned'], ['params.scale_at', '0u']),
  ...poolings.map((kind, pooling) =>
    form(
      pool,
      { pooling },
      kind === 'max' ? [] : ['normalized'],
      kind === 'max' ? ['most = max(most,', 'most = min(most,'] : ['max(sqrt(', 'max(1.01 * sqrt('],
      ['y[at + i] = value', 'y[at + i] = value + 0.1 * f32(i % 2u)'],
    ),
  ),
  form(pool, { pooling: poolings.indexOf('mean') }, [], ['sum / count', 'sum']),
  form(pool, { pooling: poolings.indexOf('mean-sqrt') }, [], ['sqrt(count)', 'count']),
  form(pool, { pooling: poolings.indexOf('weighted-mean') }, [], ['f32(row + 1u)', '1.0']),
  form(pool, { pooling: poolings.indexOf('last') }, [], ['(rows - 1u)', '0u']),
]

const label = ([kernel, { constants, conditions }]: Form) =>
  `${(kernel as Kernel<never>).shader} ${JSON.stringify({ ...constants, ...conditions })}`

describe('the proof of a kernel by its own case', () => {
  it.each(forms.map((each) => [label(each), each] as const))(
    'tells right from wrong: %s',
    async (_, [kernel, variant, faults]) => {
      const right = await compile(kernel, variant)
      const { flaws, untried, known } = await prove(gpu, [right], [], rare)
      expect(flaws.map(({ reason }) => reason)).toEqual([])
      expect([untried, known]).toEqual([[], 1])
      const wrongs = await Promise.all(
        some(faults).map(async (fault) => ({ fault, pipeline: await compile(kernel, variant, fault) })),
      )
      for (const { fault, pipeline } of wrongs) {
        const found = await prove(gpu, [pipeline], [], rare)
        expect(
          found.flaws.map((flaw) => flaw.pipeline === pipeline),
          fault.join(' → '),
        ).toEqual([true])
      }
    },
  )
})

const head = { head_dim: 64, value_dim: 64, heads: 4, kv_heads: 2, block_size: 32, kv_bits: kvBits.f16 }
const latent = {
  ...{ head_dim: 96, value_dim: 64, latent: 1, kv_heads: 1, query_from: 64, rope_from: 64, rope_dim: 32 },
  ...{ norm: headNorm.rmsOfLatent, norm_weights: headNormWeights.shared },
}
type Name = 'rope' | 'decode' | 'combine' | 'prefill'

/** The kernels of a layer's attention, one of them broken. */
async function layer(
  constants: Readonly<Record<string, number>>,
  conditions: KernelVariant['conditions'] = {},
  [broken, ...fault]: readonly [Name, ...Fault] | readonly [] = [],
): Promise<Readonly<Record<Name, Pipeline>>> {
  const all = { ...plainHeads.constants, ...head, rope_dim: 64, split_size: splitSize, ...constants }
  const made = (name: Name, kernel: unknown, own: Readonly<Record<string, number>>) =>
    compile(kernel, { constants: { ...all, ...own }, conditions }, name === broken ? (fault as never) : null)
  const [rope, decode, combine, prefill] = await Promise.all([
    made('rope', ropeKv, { workgroup_size: 8 }),
    made('decode', attentionDecode, { workgroup_size: 8, most_heads: 4 }),
    made('combine', attentionCombine, { workgroup_size: 16 }),
    made('prefill', attentionPrefill, { workgroup_size: 48, most_heads: 48 }),
  ])
  return { rope, decode, combine, prefill }
}

type Layer = readonly [
  what: string,
  constants: Readonly<Record<string, number>>,
  conditions: Readonly<Record<string, boolean>>,
  faults: readonly (readonly [Name, ...Fault])[],
]

const layers: readonly Layer[] = [
  [
    'plain heads',
    {},
    { rope_halves: true, scales_by_position: true },
    [
      ['rope', 'select(sine, -sine, is_first)', 'sine'],
      ['rope', 'log(1.0 + f32(spans))', 'log(2.0 + f32(spans))'],
      ['rope', 'region_of(is_value', 'region_of(!is_value'],
      ['decode', 'output[n * quads_at_once + u];', '1.25 * output[n * quads_at_once + u];'],
      ['combine', 'total / sum', 'total / (sum + 1.0)'],
      ['prefill', 'total[d] / total_sum', 'total[d] / (total_sum + 1.0)'],
    ],
  ],
  [
    'sinks, a window and a cap',
    { window: 20, norm: headNorm.rms, norm_weights: headNormWeights.ofEachHead },
    { sinks: true, softcap: true },
    [
      ['rope', 'y *= four_constants', 'y += four_constants'],
      ['decode', 'params.cap)', '1.5 * params.cap)'],
      ['combine', 'constants[params.sinks_at + head]', '0.0'],
      ['prefill', 'constants[params.sinks_at + head]', '0.0'],
      ['prefill', 'max(position + 1u, window) - window', 'max(position + 2u, window) - window'],
    ],
  ],
  [
    'normalized heads, less their mean',
    { norm: headNorm.layerNorm, norm_weights: headNormWeights.shared },
    { value_norm: true },
    [
      ['rope', '(value - vec4f(statistics.mean))', 'value'],
      ['rope', 'entering[d] *= statistics.factor', 'entering[d] *= 1.0'],
    ],
  ],
  [
    'heads that see both ways, with biases',
    { causal: 0 },
    { position_bias: true },
    [
      ['prefill', 'bias_of(first + key, position)', 'bias_of(position, first + key)'],
      ['prefill', 'firstLeadingBit(max(far * far, 1u)) + 2u', 'firstLeadingBit(max(far * far, 1u)) + 1u'],
    ],
  ],
  [
    'a latent cache',
    latent,
    {},
    [
      ['rope', 'd < value_quads; d', 'd < head_quads; d'],
      ['decode', 'output[n * quads_at_once + u];', '1.25 * output[n * quads_at_once + u];'],
      ['prefill', 'total[d] / total_sum', 'total[d] / (total_sum + 1.0)'],
    ],
  ],
]

describe('the proof of attention', () => {
  it.each(layers)('blames the kernel that errs: %s', async (_, constants, conditions, faults) => {
    const right = await layer(constants, conditions)
    // Where tokens see both ways, none comes alone.
    const tried = (all: typeof right) =>
      constants.causal === 0 ? [all.rope, all.prefill] : Object.values(all)
    const { flaws, untried } = await prove(gpu, tried(right), [], null)
    expect(flaws.map(({ reason }) => reason)).toEqual([])
    expect(untried).toEqual([])
    for (const fault of some(faults)) {
      const wrong = await layer(constants, conditions, fault)
      const found = await prove(gpu, tried(wrong), [], null)
      expect(
        found.flaws.map(({ pipeline }) => pipeline.kernel.shader),
        fault.join(' → '),
      ).toEqual([wrong[fault[0]].kernel.shader])
    }
  })

  it('tries queries of a layer that reads another one’s cache', async () => {
    const writer = await layer({})
    const reader = await compile(ropeKv, { constants: { ...writer.rope.variant.constants, writes_kv: 0 } })
    const { flaws, untried } = await prove(gpu, [...Object.values(writer), reader], [], null)
    expect([flaws, untried]).toEqual([[], []])
    const fault = ['value.x * turn.x', 'value.y * turn.x'] as const
    const wrong = await compile(ropeKv, reader.variant, fault)
    const found = await prove(gpu, [...Object.values(writer), wrong], [], null)
    expect(found.flaws.map(({ pipeline }) => pipeline === wrong)).toEqual([true])
  })
})
