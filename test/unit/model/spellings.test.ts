import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import { archHeader, archJson, archRoot } from '../../support/arch-files'
import type { ArchCase } from '../../support/arch-golden'

const { cases } = archJson('index.json') as { cases: readonly ArchCase[] }

describe('the reference models', () => {
  // Some families came with transformers 5 and have no older spelling.
  const spelledTwice = cases.filter(({ name }) => existsSync(join(archRoot, name, 'config.legacy.json')))

  it('are spelled in both ways, but for a few', () => {
    expect(spelledTwice.length).toBeGreaterThan(0.7 * cases.length)
  })

  it.each(spelledTwice.map(({ name }) => name))(
    'mean the same in the spelling of transformers 4 and of 5: %s',
    (name) => {
      const now = readDescription(archHeader(name, 'config.json'))
      expect(readDescription(archHeader(name, 'config.legacy.json'))).toEqual(now)
    },
  )

  it.each(cases.map(({ name }) => name))('have a place for each of their tensors: %s', (name) => {
    const opened = archHeader(name, 'config.json')
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
