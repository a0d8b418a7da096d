import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type InspectOptions, inspectModel } from '../../../src/api/inspect-model'
import { loadRequest } from '../../../src/api/options'
import { OctavoError } from '../../../src/util/octavo-error'
import { modelsOf } from '../../../src/weights/repo-facts'
import { inspect } from '../../../src/worker/inspect'
import { HubServer } from '../../support/hub-server'
import { tinyModel } from '../../support/tiny-model'
import { type GgufValue, writeGguf } from '../../support/tiny-model-file'
import { tinySafetensorsRepo } from '../../support/tiny-repo'

const tiny = tinyModel().file
const parts = tinyModel().parts(3)
const tensorFiles = tinySafetensorsRepo()
const folder = mkdtempSync(join(tmpdir(), 'octavo-inspect-'))
const onDisk = (name: string, bytes: Uint8Array) => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}
const partName = (i: number) => `tiny-Q4_1-0000${i + 1}-of-00003.gguf`
const padded = (bytes: number) => new Uint8Array(bytes)

/** A GPU of the given limits; it can make nothing. */
function gpuOf(limits: { maxBufferSize?: number; maxStorageBufferBindingSize?: number } = {}): GPU {
  const adapter = {
    info: { vendor: 'test', architecture: '', device: '', description: '' },
    limits: {
      maxStorageBuffersPerShaderStage: 8,
      maxBufferSize: 2 ** 31,
      maxStorageBufferBindingSize: 2 ** 31 - 4,
      ...limits,
    },
    features: new Set(),
    requestDevice: async () => {
      throw new Error('an inspection takes nothing of the GPU')
    },
  }
  return { requestAdapter: async () => adapter } as unknown as GPU
}

let server: HubServer
beforeAll(async () => {
  const model = onDisk('tiny.gguf', tiny)
  const splitFiles = Object.fromEntries(parts.map((bytes, i) => [partName(i), onDisk(partName(i), bytes)]))
  const repoFiles = Object.fromEntries(
    Object.entries(tensorFiles).map(([path, bytes]) => [path, onDisk(path, bytes)]),
  )
  server = await HubServer.start({
    repos: [
      {
        repo: 'someone/tiny-GGUF',
        licence: 'apache-2.0',
        files: {
          'tiny-Q4_0.gguf': model,
          'tiny-IQ1_M.gguf': onDisk('small.gguf', padded(1000)),
          'tiny-Q8_0.gguf': onDisk('large.gguf', padded(tiny.length * 2)),
          'mmproj-tiny-F16.gguf': onDisk('mmproj.gguf', padded(500)),
        },
      },
      { repo: 'someone/plain-GGUF', files: { 'plain.gguf': model } },
      { repo: 'someone/split-GGUF', files: splitFiles },
      { repo: 'someone/tensors', licence: 'mit', files: repoFiles },
      { repo: 'someone/both', files: { ...repoFiles, ...splitFiles } },
    ],
  })
})
afterAll(() => server.close())

const at = (reference: string, options: InspectOptions = {}) =>
  inspectModel(reference, { hub: { endpoint: server.endpoint }, gpu: gpuOf(), ...options })

/** A model of nothing but metadata, as a picked file. */
function header(metadata: Record<string, GgufValue>): File {
  return new File([writeGguf(new Map(Object.entries(metadata)), new Map())], 'other-Q4_K_M.gguf')
}

describe('inspectModel', () => {
  it('tells what a model of the Hub is, and fetches of it the beginning only', async () => {
    server.log.length = 0
    const found = await at('someone/tiny-GGUF:Q4_0')
    expect(found).toMatchObject({
      model: {
        reference: 'someone/tiny-GGUF:Q4_0',
        repo: 'someone/tiny-GGUF',
        revision: expect.stringMatching(/^[0-9a-f]{40}$/),
        architecture: 'llama',
        quantization: 'Q4_0',
        contextLength: 512,
        licence: 'apache-2.0',
      },
      files: [{ path: 'tiny-Q4_0.gguf', bytes: tiny.length }],
      downloadBytes: tiny.length,
      features: { chat: true, tools: false, reasoning: false, embeddings: false },
      fits: true,
      reasons: [],
    })
    expect(found.model.parameters).toBeGreaterThan(1000)
    expect(found.gpu!.contextTokens).toBe(512)
    expect(found.gpu!.bytes).toBeGreaterThan(found.gpu!.kvCacheBytes)
    const ranges = server.log.filter(({ to }) => to === 'cdn')
    expect(ranges.map(({ range }) => range?.[0])).toEqual([0])
  })

  it('lists the quantizations of the repo and which of them would run', async () => {
    const { quantizations, model, gpu } = await at('someone/tiny-GGUF:Q4_0')
    const revision = `someone/tiny-GGUF@${model.revision}`
    expect(quantizations).toMatchObject([
      { reference: `${revision}:tiny-IQ1_M.gguf`, name: 'IQ1_M', bytes: 1000 },
      { reference: `${revision}:tiny-Q4_0.gguf`, name: 'Q4_0', fits: true, gpuBytes: gpu!.bytes },
      {
        reference: `${revision}:tiny-Q8_0.gguf`,
        name: 'Q8_0',
        fits: true,
        gpuBytes: gpu!.bytes - gpu!.weightBytes + 2 * tiny.length,
      },
    ])
  })

  it('tells what a safetensors repo is, with all files that are fetched of it', async () => {
    const found = await at('someone/tensors')
    const bytes = Object.values(tensorFiles).reduce((sum, { length }) => sum + length, 0)
    expect(found).toMatchObject({
      model: {
        repo: 'someone/tensors',
        architecture: 'llama',
        name: null,
        quantization: 'F16',
        contextLength: 128,
        licence: 'mit',
      },
      downloadBytes: bytes,
      features: { chat: true, tools: false, reasoning: false, embeddings: false },
      fits: true,
      reasons: [],
      quantizations: [{ name: 'F16', fits: true, bytes, gpuBytes: found.gpu!.bytes, files: 7 }],
    })
    expect(found.model.parameters).toBe(115_200)
    const { bytes: gpuBytes, weightBytes, kvCacheBytes } = found.gpu!
    expect(gpuBytes).toBeGreaterThan(weightBytes + kvCacheBytes)
    const sixteen = await at('someone/tensors', { floatWeights: 'f16' })
    expect(sixteen.gpu!.weightBytes).toBeGreaterThan(1.4 * weightBytes)
    const wanted = Object.entries(tensorFiles).map(([path, { length }]) => ({ path, bytes: length }))
    const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1)
    expect([...found.files].sort(byPath)).toEqual(wanted.sort(byPath))
  })

  it('tells what a split model is, and of its parts as one quantization', async () => {
    const found = await at('someone/split-GGUF')
    const whole = await at('someone/plain-GGUF')
    const bytes = parts.reduce((sum, { length }) => sum + length, 0)
    expect(found).toMatchObject({
      model: { architecture: 'llama', quantization: 'Q4_1', parameters: whole.model.parameters },
      files: parts.map(({ length }, i) => ({ path: partName(i), bytes: length })),
      downloadBytes: bytes,
      gpu: whole.gpu,
      fits: true,
      quantizations: [{ name: 'Q4_1', files: 3, bytes, fits: true }],
    })
  })

  it('names both formats where a repo has both, and takes GGUF unless it is told', async () => {
    const found = await at('someone/both')
    expect(found.model.quantization).toBe('Q4_1')
    expect(found.quantizations.map(({ name }) => name)).toEqual(['Q4_1', 'model.safetensors.index.json'])
    const [, tensors] = found.quantizations
    const all = [found, await at(tensors!.reference)].flatMap(({ quantizations }) => quantizations)
    for (const { gpuBytes, bytes } of all) expect(gpuBytes).toBeGreaterThan(bytes / 2)
    expect((await at(tensors!.reference)).model.quantization).toBe('F16')
    expect((await at('someone/both:safetensors')).model.quantization).toBe('F16')
  })

  it('says what a safetensors repo without a tokenizer lacks, and what is wrong with one', async () => {
    const { 'tokenizer.json': _, ...rest } = tensorFiles
    const files = (more: Record<string, Uint8Array<ArrayBuffer>>) =>
      Object.entries({ ...rest, ...more }).map(([path, bytes]) => new File([bytes], path))
    const reasonsOf = async (model: File[]) => (await inspectModel(model, { gpu: gpuOf() })).reasons
    expect(await reasonsOf(files({}))).toMatchObject([
      { code: 'unsupported-tokenizer', message: expect.stringContaining('tokenizer.json') },
    ])
    const config = JSON.parse(new TextDecoder().decode(tensorFiles['config.json']))
    const other = new TextEncoder().encode(JSON.stringify({ ...config, model_type: 'nobody' }))
    const tokenizer = tensorFiles['tokenizer.json']!
    expect(await reasonsOf(files({ 'config.json': other, 'tokenizer.json': tokenizer }))).toMatchObject([
      { code: 'unsupported-architecture', message: expect.stringContaining('nobody') },
    ])
  })

  it('takes the licence that the file names where the Hub names none', async () => {
    const { model } = await at('someone/plain-GGUF')
    expect(model).toMatchObject({ licence: null, quantization: expect.stringMatching(/\d/) })
    const file = header({ 'general.architecture': { text: 'llama' }, 'general.license': { text: 'mit' } })
    expect((await inspectModel(file, { gpu: gpuOf() })).model.licence).toBe('mit')
  })

  it('says why a device cannot run a model, and still what it would take', async () => {
    const none = { requestAdapter: async () => null } as unknown as GPU
    const small = gpuOf({ maxBufferSize: 4096, maxStorageBufferBindingSize: 4096 })
    const fitting = await at('someone/tiny-GGUF:Q4_0')
    for (const [gpu, code] of [
      [none, 'no-adapter'],
      [small, 'limits-too-small'],
    ] as const) {
      const found = await at('someone/tiny-GGUF:Q4_0', { gpu })
      expect(found).toMatchObject({ fits: false, gpu: { bytes: fitting.gpu!.bytes } })
      expect(found.reasons).toEqual([
        { code, message: expect.any(String), remedy: expect.stringMatching(/\.$/) },
      ])
    }
  })

  it('says which quantization would fit where one does not for want of memory', async () => {
    const request = loadRequest({ model: 'someone/tiny-GGUF:Q8_0', hub: { endpoint: server.endpoint } })
    const whole = await at('someone/tiny-GGUF:Q4_0')
    const means = { gpu: gpuOf(), noGpu: new OctavoError('no-webgpu', '', ''), memoryBytes: whole.gpu!.bytes }
    const { signal } = new AbortController()
    const own = loadRequest({ model: 'someone/tiny-GGUF:Q4_0', hub: { endpoint: server.endpoint } })
    const fits = await inspect(means, own, signal)
    expect(fits.fits).toBe(true)
    expect(fits.quantizations.map(({ name, fits }) => [name, fits])).toContainEqual(['Q8_0', false])
    const less = await inspect({ ...means, memoryBytes: whole.gpu!.bytes - 1 }, own, signal)
    expect(less.reasons).toMatchObject([
      { code: 'gpu-out-of-memory', message: expect.stringContaining('MB') },
    ])
    expect(
      less.quantizations.filter(({ fits }) => fits).map(({ bytes }) => bytes < tiny.length),
    ).not.toContain(false)
    await expect(inspect(means, request, signal)).rejects.toMatchObject({ code: 'malformed-file' })
  })

  it('tells of a model of an architecture that Octavo does not run, without GPU bytes', async () => {
    const found = await inspectModel(
      header({
        'general.architecture': { text: 't5encoder' },
        'general.name': { text: '<img src=x onerror=alert(1)>' },
        't5encoder.pooling_type': { u32: 1 },
        'tokenizer.chat_template': { text: '{% if tools %}{% endif %}<think>' },
      }),
      { gpu: gpuOf() },
    )
    expect(found).toMatchObject({
      model: {
        architecture: 't5encoder',
        name: '<img src=x onerror=alert(1)>',
        repo: null,
        quantization: 'Q4_K_M',
      },
      features: { chat: false, tools: true, reasoning: true, embeddings: true },
      gpu: null,
      fits: false,
      quantizations: [],
    })
    expect(found.reasons.map(({ code }) => code)).toContain('unsupported-architecture')
  })

  it('refuses what is no model, no option, or aborted', async () => {
    await expect(inspectModel(new File([padded(64)], 'x.gguf'), { gpu: gpuOf() })).rejects.toMatchObject({
      code: 'malformed-file',
    })
    await expect(at('someone/else')).rejects.toMatchObject({
      code: expect.stringMatching(/not-found|unauthorized/),
    })
    await expect(at('someone/tiny-GGUF', { gpus: 1 } as InspectOptions)).rejects.toMatchObject({
      code: 'invalid-option',
    })
    const controller = new AbortController()
    const pending = at('someone/tiny-GGUF', { signal: controller.signal })
    controller.abort()
    await expect(pending).rejects.toMatchObject({ code: 'aborted' })
  })
})

it('a safetensors model counts with its shards and texts', () => {
  const sizes = {
    'model.safetensors.index.json': 1,
    'config.json': 2,
    'tokenizer.json': 4,
    'other.json': 100,
  }
  const shards = { 'model-00001-of-00002.safetensors': 1000, 'model-00002-of-00002.safetensors': 2000 }
  const entries = Object.entries({ ...sizes, ...shards }).map(([path, size]) => ({
    type: 'file',
    path,
    size,
  }))
  expect(modelsOf(entries)).toMatchObject([
    { path: 'model.safetensors.index.json', bytes: 3007, weightBytes: 3000, files: { length: 5 } },
  ])
})

it('the parts of a split model are one quantization', () => {
  const entry = (path: string, size: number) => ({ type: 'file', path, size })
  expect(
    modelsOf([
      entry('m-Q8_0-00002-of-00002.gguf', 3),
      entry('m-Q8_0-00001-of-00002.gguf', 5),
      entry('m-Q4_0.gguf', 4),
      entry('README.md', 1),
    ]),
  ).toEqual([
    { path: 'm-Q4_0.gguf', bytes: 4, weightBytes: 4, files: [{ path: 'm-Q4_0.gguf', bytes: 4 }] },
    {
      path: 'm-Q8_0-00001-of-00002.gguf',
      bytes: 8,
      weightBytes: 8,
      files: [
        { path: 'm-Q8_0-00001-of-00002.gguf', bytes: 5 },
        { path: 'm-Q8_0-00002-of-00002.gguf', bytes: 3 },
      ],
    },
  ])
})
