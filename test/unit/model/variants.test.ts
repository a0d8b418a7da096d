import { describe, expect, it } from 'vitest'
import type { DeviceInfo } from '../../../src/gpu/device'
import { roundingFor } from '../../../src/model/rounded-rows'
import {
  candidatesFor,
  chooseVariants,
  hardware,
  lastResorts,
  pointsFor,
  prefersFloats,
  software,
  softwareWithFours,
  softwareWithSubgroups,
} from '../../../src/model/variants'

function device(
  isFallbackAdapter: boolean,
  subgroupMinSize: number | null,
  most = 256,
  more: readonly string[] = [],
): DeviceInfo {
  const features = [...(subgroupMinSize === null ? [] : ['subgroups']), ...more]
  const limits = { maxComputeInvocationsPerWorkgroup: most }
  return { isFallbackAdapter, features, subgroupMinSize, limits } as unknown as DeviceInfo
}

describe('a device begins with', () => {
  it.each([
    [null, software],
    [2, software],
    [4, softwareWithFours],
    [8, softwareWithSubgroups],
    [16, softwareWithSubgroups],
  ])('what shares as much as the subgroups of a CPU driver let it, %s lanes', (lanes, first) => {
    const own = device(true, lanes)
    expect(chooseVariants(own)[0]!.name).toBe(first.name)
    expect(chooseVariants(own).slice(-2)).toEqual(lastResorts)
    expect(pointsFor(own)).toContain(first)
  })

  it.each([null, 4, 32])('the point of GPUs where it is one, subgroups of %s', (lanes) => {
    expect(chooseVariants(device(false, lanes))).toEqual([hardware, ...lastResorts])
  })

  it('universal points where workgroups are too small for others', () => {
    expect(chooseVariants(device(false, 32, 64))).toEqual(lastResorts)
  })
})

it('lanes share loads only where a subgroup has as many as they load for', () => {
  const sharing = (lanes: number | null, kind: 'matmul' | 'int8Matmul' | 'matvec') =>
    candidatesFor(kind, device(true, lanes)).filter(({ subgroups }) => subgroups)
  for (const kind of ['matmul', 'int8Matmul'] as const) {
    expect(sharing(null, kind)).toEqual([])
    expect(sharing(4, kind)).toEqual([expect.objectContaining({ tokens_per_lane: 4 })])
    expect(sharing(8, kind).map((point) => 'tokens_per_lane' in point && point.tokens_per_lane)).toEqual([
      4, 8,
    ])
  }
  expect(sharing(4, 'matvec')).toEqual([])
  expect(sharing(8, 'matvec').length).toBe(1)
})

it('floats are preferred where subgroups of a CPU driver have four lanes', () => {
  const preferring = [null, 2, 4, 8, 32].filter((lanes) => prefersFloats(device(true, lanes)))
  expect(preferring).toEqual([4])
  expect(prefersFloats(device(false, 4))).toBe(false)
})

describe('products take rows as', () => {
  const exact = { precision: 'exact', invariance: 'on', kvCache: { format: 'f16' } } as const
  const fast = { ...exact, precision: 'fast' } as const
  const gpu = device(false, 32, 256, ['shader-f16'])

  it('bytes in `fast`, but where floats are preferred and nobody names variants', () => {
    expect([gpu, device(true, null), device(true, 8)].map((info) => roundingFor(info, fast))).toEqual(
      Array(3).fill('bytes'),
    )
    const slow = device(true, 4)
    expect(roundingFor(slow, fast)).toBeNull()
    expect(roundingFor(slow, { ...fast, variants: [softwareWithFours] })).toBe('bytes')
  })

  it('f16 in `exact` where bits may depend on the batch, the device has it and the cache rounds as well', () => {
    const off = { ...exact, invariance: 'off' } as const
    expect(roundingFor(gpu, off)).toBe('f16')
    expect(roundingFor(gpu, exact)).toBeNull()
    expect(roundingFor(device(false, 32), off)).toBeNull()
    expect(roundingFor(gpu, { ...off, kvCache: { format: 'f32' } })).toBeNull()
  })
})
