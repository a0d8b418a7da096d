import { describe, expect, inject, it } from 'vitest'
import { hardware, type Variants } from '../../../src/model/variants'
import { expectSame } from '../../support/gpu-compare'
import { load, logitsOf, narrow, tactics, wide, wideLogits, wrongGpu } from '../../support/load-tactics'

/** Rows are rounded before products read them. */
const before: Variants = { ...hardware, ownRoundings: 0 }

const models = { wide, wideLogits, narrow }

interface Wrong {
  readonly dropped: 'roundedNorms' | 'roundedSplits' | 'ownRoundings' | 'fusedHeads'
  readonly point: Variants
  readonly wrong: Parameters<typeof wrongGpu>
  /** 'wide' where left out. */
  readonly model?: keyof typeof models
}

const norms = ['fn own_quads', 'params.norm_eps', '(params.norm_eps + 1.0)'] as const
const splits = ['fn splits_of', 'return total / sum', 'return total'] as const
const levels = ['fn prepare_rounded', '(1.0 / 127.0)', '(1.0 / 126.0)'] as const
const lastBits = ['fn own_quads', 'scale * vec4f(1.0, ', 'scale * vec4f(1.0000003, '] as const

const wrongs: readonly Wrong[] = [
  { dropped: 'roundedNorms', point: hardware, wrong: ['int8_rows', ...norms] },
  { dropped: 'roundedNorms', point: hardware, wrong: ['int8_rows', ...norms], model: 'wideLogits' },
  { dropped: 'roundedNorms', point: hardware, wrong: ['int8_rows', ...norms], model: 'narrow' },
  { dropped: 'roundedSplits', point: before, wrong: ['int8_rows', ...splits] },
  { dropped: 'ownRoundings', point: hardware, wrong: ['int8_matvec', ...splits] },
  { dropped: 'ownRoundings', point: hardware, wrong: ['int8_matvec', ...levels] },
  { dropped: 'ownRoundings', point: hardware, wrong: ['int8_matvec', ...levels], model: 'narrow' },
  { dropped: 'ownRoundings', point: hardware, wrong: ['int8_matvec', ...lastBits] },
  { dropped: 'fusedHeads', point: hardware, wrong: ['project_heads', ...levels] },
  {
    dropped: 'fusedHeads',
    point: before,
    wrong: ['project_heads', 'fn group_begin', 'group_fours * group', 'group_fours * (group ^ 1u)'],
  },
]

describe('a kernel that errs with rounded rows', () => {
  // SwiftShader compiles each model's kernels for ten seconds or more.
  it
    .skipIf(inject('adapter') === 'swiftshader' && !inject('long'))
    .each(wrongs.map((each) => ({ model: 'wide' as const, ...each })))(
    'is left out, $dropped, $wrong.0, $wrong.2 of a model that is $model',
    async ({ dropped, point, wrong, model }) => {
      const options = { precision: 'fast', tactics: tactics('off') } as const
      const [logits, { variants, diagnostics }] = await load(
        { ...options, gpu: wrongGpu(...wrong), variants: [point] },
        async (loaded) => [await logitsOf(loaded), loaded.info] as const,
        models[model],
      )
      expect(diagnostics.dropped.map(({ name }) => name)).toEqual([`${dropped}: ${point[dropped]}`])
      expect(variants).toEqual({ ...point, packedDot: expect.any(Number), [dropped]: 0 })
      const right = await load({ ...options, variants: hardware }, logitsOf, models[model])
      expectSame('logits', logits, right)
    },
  )
})
