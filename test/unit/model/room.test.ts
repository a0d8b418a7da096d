import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readTypeNames } from '../../../src/model/room'
import { readGgufHeader } from '../../../src/weights/gguf'
import type { ArchCase } from '../../support/arch-golden'
import { roomOf } from '../../support/room-of'
import { makeRepo } from '../../support/safetensors-repo'
import { tinyModel } from '../../support/tiny-model'

const root = join(import.meta.dirname, '../../golden/arch')
const { cases } = JSON.parse(readFileSync(join(root, 'index.json'), 'utf8')) as { cases: readonly ArchCase[] }

describe('what a model takes is counted without a GPU', () => {
  it.each(cases)('$name', async ({ name }) => {
    const file = join(root, name, 'model.safetensors')
    const bytes = existsSync(file) ? readFileSync(file) : gunzipSync(readFileSync(`${file}.gz`))
    const config = JSON.parse(readFileSync(join(root, name, 'config.json'), 'utf8'))
    const {
      bytes: all,
      weightBytes,
      parameters,
    } = await roomOf(makeRepo([new Uint8Array(bytes)], config).header)
    expect(parameters).toBeGreaterThan(1000)
    expect(weightBytes).toBeGreaterThan(parameters)
    expect(all).toBeGreaterThan(weightBytes)
  })

  it.each(readTypeNames().map((type) => [type]))('of matrices of %s', async (type) => {
    const { file } = tinyModel({
      hidden: 256,
      heads: 4,
      kvHeads: 4,
      headDim: 64,
      intermediate: 256,
      vocab: 512,
    })
    const header = readGgufHeader(file, file.length)
    const tensors = header.tensors.map((tensor) => (tensor.dims.length === 2 ? { ...tensor, type } : tensor))
    const { bytes, weightBytes, parameters } = await roomOf({ ...header, tensors })
    expect(weightBytes).toBeGreaterThan(parameters / 8)
    expect(bytes).toBeGreaterThan(weightBytes)
  })
})
