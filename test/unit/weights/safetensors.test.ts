import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OctavoError } from '../../../src/util/octavo-error'
import { NeedMoreBytes } from '../../../src/weights/malformed'
import { readSafetensorsHeader } from '../../../src/weights/safetensors'
import { open } from './loading'
import { jsonFile, picked } from './several-files'

const subset = join(import.meta.dirname, '../../golden/safetensors')
const { OCTAVO_GOLDEN } = process.env
const folder = OCTAVO_GOLDEN ? join(OCTAVO_GOLDEN, 'quant/bad') : subset

interface Case {
  readonly path: string
  /** A repo, not a file. */
  readonly folder: boolean
  readonly verdict: 'accept' | 'refuse' | 'either'
  readonly what: string
  readonly words: readonly string[]
}
/** What is wrong with quantized models' config and matrices is seen only when they are to be run. */
const isQuantized = (path: string) => path === 'ok-quant' || path.startsWith('quant-')
const cases = (JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as readonly Case[]).filter(
  ({ path }) => !isQuantized(path),
)

function bytesOf(path: string): Uint8Array<ArrayBuffer> {
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
    const files = readdirSync(folder).filter((name) => !/\.(json|py)$/.test(name) && !isQuantized(name))
    expect(cases.map(({ path }) => path).sort()).toEqual(files.sort())
  })

  for (const each of cases.filter(({ folder }) => !folder)) {
    test(titleOf(each), () => {
      const bytes = bytesOf(each.path)
      expectVerdict(
        each,
        errorOf(() => readSafetensorsHeader(bytes, bytes.length)),
      )
    })
  }
})

describe('a model in several safetensors files', () => {
  for (const each of cases.filter(({ folder }) => folder)) {
    test(titleOf(each), async () => {
      const names = readdirSync(join(folder, each.path))
      const files = picked({
        ...Object.fromEntries(names.map((name) => [name, bytesOf(join(each.path, name))])),
        'config.json': jsonFile({ model_type: 'llama' }),
      })
      expectVerdict(each, await open(files).catch((error: unknown) => error))
    })
  }
})

function titleOf({ path, verdict, what }: Case): string {
  const does = { accept: 'is read', refuse: 'is refused', either: 'is read or refused' }[verdict]
  return `${path} ${does}: ${what}`
}

function expectVerdict({ verdict, words }: Case, outcome: unknown): void {
  const refused = outcome instanceof Error
  if (verdict === 'accept') expect(refused && outcome.message).toBe(false)
  if (verdict === 'refuse') expect(refused).toBe(true)
  if (!refused) return
  expect(outcome).toBeInstanceOf(OctavoError)
  expect((outcome as OctavoError).code).toMatch(/^(malformed-file|not-found)$/)
  for (const word of words) expect(outcome.message).toContain(word)
}
