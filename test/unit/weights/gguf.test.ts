import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { describe, expect, it } from 'vitest'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import { readVocabulary } from '../../../src/text/vocabulary'
import type { GgufHeader } from '../../../src/util/model-file'
import { OctavoError } from '../../../src/util/octavo-error'
import { ggmlTypes } from '../../../src/weights/ggml-types'
import { readGgufHeader } from '../../../src/weights/gguf'
import { NeedMoreBytes } from '../../../src/weights/malformed'
import { ggufFile } from './gguf-file'

const root = join(import.meta.dirname, '../../..')
const badFolder = join(root, 'test/golden/gguf/bad')
const realModel = join(root, '.cache/SmolLM2-135M-Instruct.Q4_1.gguf')

interface Case {
  readonly file: string
  readonly verdict: 'accept' | 'refuse' | 'either'
  readonly stage: 'header' | 'metadata' | 'tensors' | 'data' | 'model' | null
  readonly words: readonly string[]
}

const cases = JSON.parse(readFileSync(join(badFolder, 'index.json'), 'utf8')) as readonly Case[]
const fileBytes = (file: string) => new Uint8Array(readFileSync(join(badFolder, file)))

/** Reads a file as far as the loader does before it asks for weights. */
function readWhole({ file, stage }: Case): void {
  const bytes = fileBytes(file)
  const header = readGgufHeader(bytes, bytes.length)
  if (stage !== 'model') return
  const { vocab } = findTensors(header, readDescription(header), null)
  readVocabulary(header.metadata, vocab)
}

function refusalOf(read: () => void): OctavoError | null {
  try {
    read()
  } catch (error) {
    if (error instanceof OctavoError) return error
    throw error
  }
  return null
}

describe('a malformed GGUF file', () => {
  it.each(cases.filter(({ verdict }) => verdict === 'refuse'))('$file is refused, and why', (each) => {
    const refusal = refusalOf(() => readWhole(each))
    expect(refusal).not.toBeNull()
    expect(refusal!.code).toMatch(/^(malformed-file|unsupported-(tensor-type|architecture|tokenizer))$/)
    for (const word of each.words) expect(refusal!.message).toContain(word)
    expect(refusal!.message).toMatch(/\.$/)
    expect(refusal!.remedy).not.toBe('')
  })

  it.each(cases.filter(({ verdict }) => verdict === 'accept'))('$file is none, and is read', (each) => {
    expect(refusalOf(() => readWhole(each))).toBeNull()
  })

  it.each(cases.filter(({ verdict }) => verdict === 'either'))(
    '$file is refused with its name, or read',
    (each) => {
      const refusal = refusalOf(() => readWhole(each))
      for (const word of refusal ? each.words : []) expect(refusal!.message).toContain(word)
    },
  )

  it('is judged alike however little of it is there at first', () => {
    const wrong: string[] = []
    for (const { file } of cases) {
      const bytes = fileBytes(file)
      const whole = refusalOf(() => readGgufHeader(bytes, bytes.length))
      for (let length = 0; length < bytes.length; length += Math.max(7, bytes.length >> 7)) {
        try {
          const early = refusalOf(() => readGgufHeader(bytes.slice(0, length), bytes.length))
          if (early?.code !== whole?.code) wrong.push(`${file} at ${length}: ${early?.message}`)
        } catch (error) {
          const more = error instanceof NeedMoreBytes ? error.upTo : Number.NaN
          if (!(more > length && more <= bytes.length)) wrong.push(`${file} at ${length}: ${error}`)
        }
      }
    }
    expect(wrong).toEqual([])
  })
})

/** As `@huggingface/gguf` reads a file. */
async function readByTheHubsPackage(path: string) {
  return gguf(path, { allowLocalFile: true })
}

async function expectAgreement(path: string, header: GgufHeader): Promise<void> {
  const { metadata, tensorInfos, tensorDataOffset } = await readByTheHubsPackage(path)
  const { version: _, tensor_count, kv_count, ...values } = metadata as Record<string, unknown>
  expect(header.tensors.length).toBe(Number(tensor_count))
  expect(header.metadata.size).toBe(Number(kv_count))
  for (const [key, value] of Object.entries(values)) {
    if (typeof value !== 'object') expect([key, plain(header.metadata.get(key))]).toEqual([key, plain(value)])
    else expect(sameItems(header.metadata.get(key), value), key).toBe(true)
  }
  const described = tensorInfos.map(({ name, shape, dtype, offset }) => ({
    name,
    type: ggmlTypes.get(dtype as number)!.name,
    dims: shape.map(Number),
    offset: Number(tensorDataOffset + offset),
  }))
  expect(
    header.tensors.map(({ name, type, dims, offset }) => ({ name, type, dims: [...dims], offset })),
  ).toEqual(described)
}

const plain = (value: unknown) => (typeof value === 'bigint' ? Number(value) : value)

function sameItems(ours: unknown, theirs: unknown): boolean {
  if (typeof theirs !== 'object' || theirs === null) return plain(ours) === plain(theirs)
  const [a, b] = [Array.from(ours as ArrayLike<unknown>), Array.from(theirs as ArrayLike<unknown>)]
  return a.length === b.length && a.every((item, i) => sameItems(item, b[i]))
}

describe('the header of a good GGUF file', () => {
  const good = ['ok-plain', 'ok-version-2', 'ok-alignment-64', 'ok-all-kinds', 'ok-llama']
  it.each(good)('%s is read as the Hub’s own package reads it', async (name) => {
    const bytes = fileBytes(`${name}.gguf`)
    await expectAgreement(join(badFolder, `${name}.gguf`), readGgufHeader(bytes, bytes.length))
  })

  it('of the real model is read as the Hub’s own package reads it', async () => {
    expect(existsSync(realModel), `${realModel} is there (npm test fetches it)`).toBe(true)
    const bytes = new Uint8Array(readFileSync(realModel))
    await expectAgreement(realModel, readGgufHeader(bytes.slice(0, 4 * 2 ** 20), bytes.length))
  })

  it('holds numbers in typed arrays that do not keep the file’s bytes alive', () => {
    const bytes = ggufFile({ metadata: { scores: { floats: [0.5, -2] } }, tensors: {} })
    const scores = readGgufHeader(bytes, bytes.length).metadata.get('scores')
    expect(scores).toEqual(new Float32Array([0.5, -2]))
    expect((scores as Float32Array).buffer.byteLength).toBe(8)
  })

  it('with the largest vocabulary in use is read in seconds', () => {
    const texts = Array.from({ length: 262_144 }, (_, i) => `▁tök${i}`)
    const merges = Array.from({ length: 514_906 }, (_, i) => `to ${i} ken`)
    const metadata = {
      'tokenizer.ggml.tokens': { texts },
      'tokenizer.ggml.merges': { texts: merges },
      'tokenizer.ggml.scores': { floats: texts.map((_, i) => -i) },
    }
    const bytes = ggufFile({ metadata, tensors: {} })
    const before = process.cpuUsage()
    const header = readGgufHeader(bytes, bytes.length)
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1e6).toBeLessThan(5)
    expect(header.metadata.get('tokenizer.ggml.tokens')).toHaveLength(262_144)
    expect((header.metadata.get('tokenizer.ggml.tokens') as string[])[262_143]).toBe('▁tök262143')
    expect((header.metadata.get('tokenizer.ggml.merges') as string[]).at(-1)).toBe('to 514905 ken')
  })
})
