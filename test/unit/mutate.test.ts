import { describe, expect, it } from 'vitest'
import { Random } from '../support/gpu-random'
import { mutateBytes, mutateJson } from '../support/mutate'

const value = { a: [1, 2, { b: 'text' }], c: null, d: { e: true } }

describe('a mutated file', () => {
  it('differs almost always, is the same for the same seed and leaves the original alone', () => {
    const before = JSON.stringify(value)
    const made = Array.from({ length: 200 }, (_, seed) => JSON.stringify(mutateJson(value, new Random(seed))))
    expect(JSON.stringify(value)).toBe(before)
    expect(made.filter((text) => text !== before).length).toBeGreaterThan(150)
    expect(new Set(made).size).toBeGreaterThan(100)
    expect(JSON.stringify(mutateJson(value, new Random(7)))).toBe(made[7])
  })

  it('may be of bytes', () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, i) => i)
    const made = Array.from({ length: 200 }, (_, seed) => mutateBytes(bytes, new Random(seed)).join())
    expect(made.filter((text) => text !== bytes.join()).length).toBeGreaterThan(150)
    expect(bytes[63]).toBe(63)
    expect(mutateBytes(bytes, new Random(7)).join()).toBe(made[7])
  })
})
