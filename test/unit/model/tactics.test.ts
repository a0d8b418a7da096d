import { describe, expect, it } from 'vitest'
import type { DeviceInfo } from '../../../src/gpu/device'
import { readTactics, type StoredTactics, type TacticsStore, tacticsKey } from '../../../src/model/tactics'
import type { ModelTensors } from '../../../src/model/tensors'
import { hardware, softwareWithSubgroups, type Variants } from '../../../src/model/variants'

const device: DeviceInfo = {
  vendor: 'a vendor',
  architecture: 'an architecture',
  device: '',
  description: '',
  isFallbackAdapter: false,
  features: ['shader-f16'],
  subgroupMinSize: null,
  subgroupMaxSize: null,
  wgslFeatures: [],
  maxBufferBytes: 2 ** 28,
  maxBindingBytes: 2 ** 27,
  limits: {
    maxBufferSize: 2 ** 28,
    maxStorageBufferBindingSize: 2 ** 27,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
  },
}
const matrix = { format: { name: 'Q4_0' }, rows: 64, columns: 32 }
const tensors = { matrices: [matrix], layers: [], vocab: 100 } as unknown as ModelTensors
const browser = 'Chromium 140.0.1'

const stored: StoredTactics = {
  variants: hardware,
  dropped: [{ name: 'matvec: workgroup_size 64', reason: 'wrong', error: 3 }],
  timed: [],
  whyNotTimed: null,
  proven: 'abc',
}

function storeOf(value: unknown): TacticsStore {
  return { get: async () => value, set: async () => {} }
}

describe('a choice is kept under a key that changes', () => {
  const key = (
    other: {
      readonly device?: Partial<DeviceInfo>
      readonly browser?: string
      readonly tune?: 'off' | 'cached' | 'full'
      readonly tensors?: Partial<ModelTensors>
      readonly words?: readonly string[]
    } = {},
  ) =>
    tacticsKey(
      { ...device, ...other.device },
      { tune: other.tune ?? 'cached', browser: other.browser ?? browser },
      { ...tensors, ...other.tensors },
      other.words ?? ['f16', 'on'],
    )

  it.each([
    ['the vendor', { device: { vendor: 'another' } }],
    ['the architecture', { device: { architecture: 'another' } }],
    ['the description', { device: { description: 'driver 2' } }],
    ['the sizes of subgroups', { device: { subgroupMaxSize: 64 } }],
    ['the features', { device: { features: [] } }],
    ['the browser’s version', { browser: 'Chromium 140.0.2' }],
    [
      'the matrices',
      { tensors: { matrices: [{ ...matrix, rows: 65 }] as unknown as ModelTensors['matrices'] } },
    ],
    ['the vocabulary', { tensors: { vocab: 101 } }],
    ['the format of the cache', { words: ['f32', 'on'] }],
    ['whether variants are timed', { tune: 'off' as const }],
  ])('with %s', async (_, other) => {
    expect(await key(other)).not.toBe(await key())
  })

  it('and not with what has no part in it', async () => {
    expect(
      await key({ tensors: { matrices: [matrix, matrix] as unknown as ModelTensors['matrices'] } }),
    ).toBe(await key())
    expect(await key({ tune: 'full' })).toBe(await key())
  })
})

describe('what was kept is taken', () => {
  it('as it was written', async () => {
    expect(await readTactics(storeOf(stored), 'k', device)).toEqual(stored)
  })

  it.each<[string, unknown]>([
    ['there is nothing', undefined],
    ['it is another thing', 'tactics'],
    ['a field is missing', { ...stored, proven: undefined }],
    ['a list is none', { ...stored, dropped: 3 }],
    ['an entry of a list is none', { ...stored, dropped: [null] }],
    ['a kind has no point', { ...stored, variants: { ...hardware, matvec: undefined } }],
    [
      'a point is not in the table',
      { ...stored, variants: { ...hardware, matvec: { ...hardware.matvec, workgroup_size: 7 } } },
    ],
    ['the device does not run a point', { ...stored, variants: softwareWithSubgroups }],
    [
      'a timed point is not of its kind',
      { ...stored, variants: { ...hardware, tuned: { 'matvec Q4_0 [64, 32]': hardware.matmul } } },
    ],
    [
      'a timed kind is none',
      { ...stored, variants: { ...hardware, tuned: { norm: 64 } as unknown as Variants['tuned'] } },
    ],
  ])('but not where %s', async (_, value) => {
    expect(await readTactics(storeOf(value), 'k', device)).toBeNull()
  })

  it('but not where the store fails', async () => {
    const failing = { ...storeOf(stored), get: () => Promise.reject(new Error('the disk')) }
    expect(await readTactics(failing, 'k', device)).toBeNull()
  })
})
