import { describe, expect, it } from 'vitest'
import type { Pipeline } from '../../../src/gpu/pipeline'
import { halfMatmul } from '../../../src/kernels/half-rows'
import { matmul } from '../../../src/kernels/matmul'
import { atPoint, hasPoint, isAt, wholeAtPoint } from '../../../src/model/points'
import { candidates, hardware, softwareWithSubgroups } from '../../../src/model/variants'

const { subgroups, ...numbers } = hardware.matmul
const compiled = { constants: { ...numbers, activation: 0 }, conditions: { subgroups, residual: true } }
const byEight = softwareWithSubgroups.matmul

describe('a product of many tokens', () => {
  it('keeps its form for up to four tokens at another point, and has the point’s own where it is timed', () => {
    expect(atPoint('matmul', byEight, compiled).constants.tokens_per_lane).toBe(4)
    expect(isAt('matmul', byEight, atPoint('matmul', byEight, compiled))).toBe(true)
    expect(wholeAtPoint('matmul', byEight, compiled)).toEqual({
      constants: { workgroup_size: 16, tokens_per_lane: 8, activation: 0 },
      conditions: { subgroups: true, residual: true },
    })
  })

  it('is another one at every candidate that a tuner tries', () => {
    const tried = candidates.matmul.map((point) => JSON.stringify(wholeAtPoint('matmul', point, compiled)))
    expect(new Set(tried).size).toBe(candidates.matmul.length)
  })

  it('of integers has the tokens of its point', () => {
    for (const point of candidates.int8Matmul)
      expect(atPoint('int8Matmul', point, compiled).constants.tokens_per_lane).toBe(point.tokens_per_lane)
  })

  it('shares no loads where it reads rows as f16', () => {
    const has = (kernel: unknown) => hasPoint({ kernel } as Pipeline, byEight)
    expect([has(matmul), has(halfMatmul)]).toEqual([true, false])
    expect(hasPoint({ kernel: halfMatmul } as unknown as Pipeline, hardware.matmul)).toBe(true)
  })
})
