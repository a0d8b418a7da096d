import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import { createChatTemplate } from '../../../src/text/chat-template'
import { createTokenizer } from '../../../src/text/tokenizer'
import type { JsonObject, ModelHeader } from '../../../src/util/model-file'
import { OctavoError } from '../../../src/util/octavo-error'
import { Random } from '../../support/gpu-random'
import { measured } from '../../support/measured'
import { type Json, mutateBytes, mutateJson } from '../../support/mutate'
import { tinyModel } from '../../support/tiny-model'
import { smallTokenizers } from '../text/small-tokenizers'
import { open } from './loading'
import { jsonFile, picked, type RepoFiles } from './several-files'

const runsEach = Number(process.env.OCTAVO_RANDOM_RUNS ?? 1500)

type Outcome = 'ready' | 'refused'

const codes = [
  'malformed-file',
  'not-found',
  'unsupported-architecture',
  'unsupported-tensor-type',
  'unsupported-tokenizer',
]

/** Does what a load does before it fetches weights; anything but an OctavoError of these codes is thrown on. */
async function prepare(files: RepoFiles): Promise<Outcome> {
  try {
    const { header } = await open(picked(files))
    expectInPlace(header)
    const description = readDescription(header)
    expectNumbers(description, 'the description')
    findTensors(header, description, null)
    createChatTemplate(header, createTokenizer(header))
    return 'ready'
  } catch (error) {
    if (!(error instanceof OctavoError) || !codes.includes(error.code)) throw error
    expect(error.message.length).toBeLessThan(1000)
    expect(error.remedy.length).toBeGreaterThan(0)
    return 'refused'
  }
}

/** No number of a description is something that the GPU would choke on. */
function expectNumbers(value: unknown, name: string): void {
  if (typeof value === 'number') expect(Number.isFinite(value), `${name} ${value}`).toBe(true)
  if (typeof value !== 'object' || value === null) return
  for (const [key, each] of Object.entries(value)) expectNumbers(each, `${name}.${key}`)
}

/** Every tensor lies in the files, and no two share a byte. */
function expectInPlace({ tensors, fileBytes }: ModelHeader): void {
  const sorted = tensors.filter(({ bytes }) => bytes > 0).sort((a, b) => a.offset - b.offset)
  let end = 0
  for (const { name, offset, bytes } of sorted) {
    expect(offset, name).toBeGreaterThanOrEqual(end)
    end = offset + bytes
  }
  expect(end).toBeLessThanOrEqual(fileBytes)
}

async function outcomes(
  kind: string,
  files: (random: Random) => RepoFiles,
  runs = runsEach,
): Promise<readonly Outcome[]> {
  const found: Outcome[] = []
  for (let seed = 0; seed < runs; seed++) {
    found.push(await measured(`${kind}, seed ${seed}`, () => prepare(files(new Random(seed)))))
  }
  return found
}

function joined(before: Uint8Array, after: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(before.length + after.length)
  bytes.set(before)
  bytes.set(after, before.length)
  return bytes
}

const gguf = tinyModel().file
const folder = 'test/golden/arch/llama-llama3rope'
const json = (name: string): JsonObject => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'))
const weights = new Uint8Array(readFileSync(`${folder}/model.safetensors`))
const headerBytes = 8 + Number(new DataView(weights.buffer, weights.byteOffset).getBigUint64(0, true))
const header: Json = JSON.parse(new TextDecoder().decode(weights.subarray(8, headerBytes)))
const { tokenizer, tokenizerConfig } = Object.values(smallTokenizers)[0]!
const repo: RepoFiles = {
  'config.json': jsonFile(json('config.json')),
  'tokenizer.json': jsonFile(tokenizer),
  'tokenizer_config.json': jsonFile(tokenizerConfig ?? {}),
  'model.safetensors': weights,
}

describe('a model with a mutated header is made ready, or refused with a clear error', () => {
  it('the models themselves are made ready', async () => {
    expect(await prepare({ 'model.gguf': gguf })).toBe('ready')
    expect(await prepare(repo)).toBe('ready')
  })

  it('GGUF', async () => {
    const { tensors } = (await open(picked({ 'model.gguf': gguf }))).header
    const begin = Math.min(...tensors.map(({ offset }) => offset))
    const found = await outcomes('gguf', (random) => ({
      'model.gguf': joined(mutateBytes(gguf.subarray(0, begin), random), gguf.subarray(begin)),
    }))
    expect(found.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(runsEach / 5)
  })

  it('safetensors, bytes', async () => {
    const found = await outcomes('safetensors bytes', (random) => ({
      ...repo,
      'model.safetensors': joined(
        mutateBytes(weights.subarray(0, headerBytes), random),
        weights.subarray(headerBytes),
      ),
    }))
    expect(found.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(runsEach / 5)
  })

  it('safetensors, JSON', async () => {
    const found = await outcomes('safetensors JSON', (random) => {
      const text = new TextEncoder().encode(JSON.stringify(mutateJson(header, random)))
      const length = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer)
      const data = weights.subarray(headerBytes)
      return { ...repo, 'model.safetensors': joined(joined(length, text), data) }
    })
    expect(found.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(runsEach / 5)
  })

  it.each(['config.json', 'config.legacy.json'])('%s', async (name) => {
    const config = json(name) as Json
    const found = await outcomes(name, (random) => ({
      ...repo,
      'config.json': jsonFile(mutateJson(config, random)),
    }))
    expect(found.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(runsEach / 10)
    expect(found.filter((outcome) => outcome === 'ready').length).toBeGreaterThan(runsEach / 10)
  })

  it.each(['gptq-w4-asym-g32', 'mlx-mixed', 'ct-w4a16-asym-g32', 'bnb-nf4-double', 'fp8-block-ragged'])(
    'config.json of a quantized repo, %s',
    async (name) => {
      const read = (file: string) => readFileSync(`test/golden/quant/${name}/${file}`)
      const config: Json = JSON.parse(read('config.json').toString())
      const quantized = { ...repo, 'model.safetensors': new Uint8Array(read('model.safetensors')) }
      expect(await prepare({ ...quantized, 'config.json': jsonFile(config) })).toBe('ready')
      const found = await outcomes(
        name,
        (random) => ({ ...quantized, 'config.json': jsonFile(mutateJson(config, random)) }),
        Math.ceil(runsEach / 5),
      )
      expect(found.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(runsEach / 50)
      expect(found.filter((outcome) => outcome === 'ready').length).toBeGreaterThan(runsEach / 50)
    },
  )
})
