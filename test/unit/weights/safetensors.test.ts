import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OctavoError } from '../../../src/util/octavo-error'
import { NeedMoreBytes } from '../../../src/weights/malformed'
import { readSafetensorsHeader } from '../../../src/weights/safetensors'

const folder = join(import.meta.dirname, '../../golden/safetensors')
interface Case {
  readonly path: string
  readonly verdict: 'accept' | 'refuse' | 'either'
  readonly what: string
  readonly words: readonly string[]
}
const cases: readonly Case[] = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))

function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, path)))
}

function errorOf(read: () => unknown): unknown {
  try {
    read()
    return null
  } catch (error) {
    return error
  }
}

describe('the header of a safetensors file', () => {
  test('gives tensors in the order of their data, rows first, at their places in the file', () => {
    const bytes = bytesOf('ok.safetensors')
    const described = JSON.parse(new TextDecoder().decode(bytes.subarray(8)).replace(/\}[^}]*$/, '}'))
    const dataBegin = 8 + new DataView(bytes.buffer).getUint32(0, true)
    const expected = Object.entries(described)
      .filter(([name]) => name !== '__metadata__')
      .map(([name, value]) => {
        const { dtype, shape, data_offsets } = value as {
          dtype: string
          shape: number[]
          data_offsets: [number, number]
        }
        const [begin, end] = data_offsets
        return { name, type: dtype, dims: shape.reverse(), offset: dataBegin + begin, bytes: end - begin }
      })
    expect(readSafetensorsHeader(bytes, bytes.length)).toEqual(expected.sort((a, b) => a.offset - b.offset))
    expect(expected.length).toBeGreaterThan(1)
  })

  test('asks for more bytes where the file has them', () => {
    const bytes = bytesOf('ok.safetensors')
    for (const length of [0, 7, 8, 60]) {
      const error = errorOf(() => readSafetensorsHeader(bytes.subarray(0, length), bytes.length))
      expect(error).toBeInstanceOf(NeedMoreBytes)
    }
  })

  test('is tried with every file there is', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'))
    expect(cases.map(({ path }) => path).sort()).toEqual(files.sort())
  })

  for (const { path, verdict, what, words } of cases) {
    const does = { accept: 'is read', refuse: 'is refused', either: 'is read or refused' }[verdict]
    test(`${path} ${does}: ${what}`, () => {
      const bytes = bytesOf(path)
      const error = errorOf(() => readSafetensorsHeader(bytes, bytes.length))
      if (verdict === 'accept') expect(error).toBeNull()
      if (verdict === 'refuse') expect(error).not.toBeNull()
      if (error === null) return
      expect(error).toBeInstanceOf(OctavoError)
      expect((error as OctavoError).code).toBe('malformed-file')
      for (const word of words) expect((error as OctavoError).message).toContain(word)
    })
  }
})
