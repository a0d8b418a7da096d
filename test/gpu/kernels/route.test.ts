import { describe, expect, it } from 'vitest'
import { route } from '../../../src/kernels/experts'
import { type RouteForm, route as reference } from '../../reference/route'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const lanes = [...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))]

async function routes(
  workgroup_size: number,
  experts: number,
  logits: Float32Array<ArrayBuffer>,
  form: RouteForm,
) {
  const { top, logistic = false, correction, groups = 1, topGroups = 1, bestTwo = false } = form
  const tokens = logits.length / experts
  const outputs = await runKernel(gpu, route, {
    variant: {
      constants: { workgroup_size, experts, top, groups, top_groups: topGroups },
      conditions: {
        logistic,
        corrected: correction !== undefined,
        best_two: bestTwo,
        renormalized: form.eps !== undefined,
      },
    },
    inputs: {
      logits,
      constants: Float32Array.from([9, 9, ...Array.from(correction ?? [])]),
      routes: 1 + tokens * top,
      shares: tokens * top,
    },
    params: { correction_at: 2, eps: form.eps ?? 0, scale: form.scale ?? 1 },
    shape: { tokens },
  })
  return { chosen: Array.from(outputs.words('routes')), shares: outputs.floats('shares') }
}

const bias = (experts: number) => new Random(3).normals(experts, 0.2)
const forms: readonly (readonly [string, number, RouteForm])[] = [
  ['by softmax', 64, { top: 8 }],
  ['one expert', 4, { top: 1, eps: 0 }],
  ['by softmax, renormalized', 8, { top: 2, eps: 0 }],
  ['all experts', 6, { top: 6, eps: 0, scale: 1.5 }],
  ['by softmax and a bias', 64, { top: 6, eps: 0, correction: bias(64) }],
  ['by sigmoid, scaled', 130, { top: 8, logistic: true, eps: 1e-20, scale: 2.5 }],
  ['by sigmoid and a bias', 32, { top: 4, logistic: true, eps: 1e-6, correction: bias(32) }],
  ['from groups by their best', 32, { top: 4, groups: 4, topGroups: 2, scale: 16 }],
  [
    'from groups by their best two',
    64,
    { top: 8, logistic: true, correction: bias(64), groups: 8, topGroups: 4, bestTwo: true, eps: 1e-20 },
  ],
]

describe.each(lanes)('routes by %s lanes', (workgroup_size) => {
  it.each(forms)('choose %s', async (name, experts, form) => {
    for (const tokens of [1, 7]) {
      const random = new Random(tokens)
      const logits = random.normals(tokens * experts, 2)
      const { chosen, shares } = await routes(workgroup_size, experts, logits, form)
      expect(chosen[0]).toBe(tokens * form.top)
      const expected: number[] = []
      for (let t = 0; t < tokens; t++) {
        const own = reference(Array.from(logits.subarray(t * experts, (t + 1) * experts)), form)
        const at = t * form.top
        expect(chosen.slice(1 + at, 1 + at + form.top), `${name}, token ${t}`).toEqual(own.experts)
        expected.push(...own.shares)
      }
      // 3 + 2|x| ulp of e^x over the logits' range of 20, the sum, the quotients.
      expectClose(name, shares, expected, (i) => gamma(2 * (3 + 40 + experts + 5)) * expected[i]!)
    }
  })

  it('take the expert with the lower number where two are equal', async () => {
    const logits = Float32Array.of(1, 3, 2, 3, 3, 0, 3, 1)
    const { chosen, shares } = await routes(workgroup_size, 8, logits, { top: 3, eps: 0 })
    expect(chosen).toEqual([3, 1, 3, 4])
    expectClose('shares', shares, [1 / 3, 1 / 3, 1 / 3], () => 1e-6)
  })
})
