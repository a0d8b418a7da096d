import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import type { ModelHeader } from '../../../src/util/model-file'
import { readSafetensorsHeader } from '../../../src/weights/safetensors'
import type { ArchCase } from '../../support/arch-golden'

/** All of the reference data where OCTAVO_GOLDEN names it, else what the project holds. */
const root = join(process.env.OCTAVO_GOLDEN ?? join(import.meta.dirname, '../../golden'), 'arch')
const { cases } = json('index.json') as { cases: readonly ArchCase[] }

function bytes(path: string): Uint8Array {
  const file = join(root, path)
  return existsSync(file) ? readFileSync(file) : gunzipSync(readFileSync(`${file}.gz`))
}

function json(path: string) {
  return JSON.parse(new TextDecoder().decode(bytes(path)))
}

function header(name: string, config: string): ModelHeader {
  const file = new Uint8Array(bytes(`${name}/model.safetensors`))
  const texts = {
    config: json(`${name}/${config}`),
    tokenizer: null,
    tokenizerConfig: null,
    generationConfig: null,
    chatTemplate: null,
    sentenceTransformers: { modules: null, settings: null, config: null },
  }
  const tensors = readSafetensorsHeader(file, file.length)
  return { kind: 'safetensors', tensors, fileBytes: file.length, texts }
}

describe('the reference models', () => {
  // Some families came with transformers 5 and have no older spelling.
  const spelledTwice = cases.filter(({ name }) => existsSync(join(root, name, 'config.legacy.json')))

  it('are spelled in both ways, but for a few', () => {
    expect(spelledTwice.length).toBeGreaterThan(0.7 * cases.length)
  })

  it.each(spelledTwice.map(({ name }) => name))(
    'mean the same in the spelling of transformers 4 and of 5: %s',
    (name) => {
      const now = readDescription(header(name, 'config.json'))
      expect(readDescription(header(name, 'config.legacy.json'))).toEqual(now)
    },
  )

  it.each(cases.map(({ name }) => name))('have a place for each of their tensors: %s', (name) => {
    const opened = header(name, 'config.json')
    const { matrices, constants, layers } = findTensors(opened, readDescription(opened), null)
    const small = [constants, ...layers.map((layer) => layer.constants)].flatMap(({ entries }) => entries)
    const used = new Set([
      ...matrices.flatMap(({ parts }) => parts.map(({ tensor }) => tensor.name)),
      ...small.map(({ tensor }) => tensor.name),
    ])
    // What an embedding model's repo has beside the model is left alone by name.
    const unused = opened.tensors.map((tensor) => tensor.name).filter((each) => !used.has(each))
    expect(unused.filter((each) => !/^(pooler|lm_head|cls)\.|act_fn\.eps$/.test(each))).toEqual([])
  })
})
