import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { status, wholeFile } from '../../support/hub-faults'
import { HubServer } from '../../support/hub-server'
import { isWhole, load, open } from './loading'
import { endToEnd, filesOnDisk, jsonFile, safetensorsFile, shardedSafetensors } from './several-files'

const repo = 'owner/tensors'
const made = shardedSafetensors()
const files = filesOnDisk(made)
const expected = endToEnd(made)
const always = Number.POSITIVE_INFINITY
let server: HubServer

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  server = await HubServer.start({ repos: [{ repo, files }], tokens: ['good'] })
})
afterEach(() => server.close())

/** Requests for a file at the Hub and, behind its redirect, for the text itself. */
function requestsFor(path: string): readonly string[] {
  return server.log.filter((each) => each.path.includes(path)).map((each) => each.path.split('/')[1]!)
}

describe('a safetensors repo', () => {
  it('is opened by the type of its floats too, and refused where it is another', async () => {
    for (const tag of ['safetensors', 'f32', 'FP32']) {
      expect((await open(`${repo}:${tag}`, server)).header.kind).toBe('safetensors')
    }
    await expect(open(`${repo}:bf16`, server)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining("no file for 'bf16': its safetensors model is in F32"),
    })
  })

  it('in a folder of a repo has the texts of that folder', async () => {
    const config = jsonFile({ model_type: 'other' })
    const inFolder = { 'sub/model.safetensors': safetensorsFile({ z: 5000 }, 9), 'sub/config.json': config }
    server.setRepos([{ repo, files: { ...files, ...filesOnDisk(inFolder) } }])
    const { model, ...received } = await load(`${repo}:sub/model.safetensors`, server)
    expect(isWhole(received, inFolder['sub/model.safetensors'])).toBe(true)
    expect(model.header).toMatchObject({ texts: { config: { model_type: 'other' }, tokenizer: null } })
  })

  it('of a model that sees has the config and the tensors of its text model, and all of its bytes', async () => {
    const file = safetensorsFile({ 'language_model.model.a': 5000, 'vision_tower.b': 300 }, 9)
    const config = jsonFile({
      model_type: 'seeing',
      text_config: { model_type: 'reading' },
      vision_config: {},
    })
    server.setRepos([{ repo, files: filesOnDisk({ 'model.safetensors': file, 'config.json': config }) }])
    const { model, ...received } = await load(repo, server)
    expect(model.header.tensors.map(({ name }) => name)).toEqual(['model.a'])
    expect(model.header).toMatchObject({ texts: { config: { model_type: 'reading' } } })
    expect(isWhole(received, file)).toBe(true)
  })

  it('without a config.json is refused', async () => {
    const { 'config.json': _, ...rest } = files
    server.setRepos([{ repo, files: rest }])
    await expect(open(repo, server)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('config.json is missing'),
    })
  })

  it('of PyTorch checkpoints says why they are not read', async () => {
    const { 'config.json': config } = files
    server.setRepos([{ repo, files: { 'config.json': config!, 'pytorch_model.bin': config! } }])
    await expect(open(repo, server)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/pytorch_model\.bin .* PyTorch checkpoint/),
      remedy: expect.stringContaining('safetensors'),
    })
  })

  it('that is gated gives its texts and its weights to the token, which stays at the Hub', async () => {
    server.setRepos([{ repo, files, access: 'gated' }])
    const options = { endpoint: server.endpoint, token: 'good' }
    expect(isWhole(await load(repo, options), expected)).toBe(true)
    const bearers = (to: string) =>
      new Set(server.log.filter((each) => each.to === to).map((each) => each.authorization))
    expect(bearers('hub')).toEqual(new Set(['Bearer good']))
    expect(bearers('cdn')).toEqual(new Set([null]))
    server.log.length = 0
    expect(isWhole(await load(repo, server), expected)).toBe(true)
    expect(server.log).toEqual([])
  })

  it('is read from a server without ranges, a small text by one answer', async () => {
    server.inject({}, wholeFile, always)
    expect(isWhole(await load(repo, server), expected)).toBe(true)
    expect(requestsFor('config.json?')).toEqual([])
    expect(requestsFor('/config.json')).toEqual([repo.split('/')[0], 'api'])
  })

  it('loaded by two pages at once is whole in both, and in a third', async () => {
    const both = await Promise.all([load(repo, server), load(repo, server)])
    expect(both.every((loaded) => isWhole(loaded, expected))).toBe(true)
    server.log.length = 0
    expect(isWhole(await load(repo, server), expected)).toBe(true)
    expect(server.log).toEqual([])
  })

  it('whose text breaks off is not taken for complete', async () => {
    server.inject({ to: 'hub', path: /resolve-cache.*\/tokenizer\.json/ }, status(404), always)
    await expect(open(repo, server)).rejects.toMatchObject({ code: 'not-found' })
    server.heal()
    const { model, ...received } = await load(repo, server)
    expect(isWhole(received, expected)).toBe(true)
    expect(model.header).toMatchObject({ texts: { tokenizer: { version: '1.0' } } })
  })

  it('that is kept under one name needs no weights fetched under another', async () => {
    await load(repo, server)
    server.log.length = 0
    expect(isWhole(await load(`${repo}:safetensors`, server), expected)).toBe(true)
    expect(server.log.filter(({ to }) => to === 'cdn')).toEqual([])
  })
})

describe('what is neither of the formats', () => {
  it('is told by what it looks like', async () => {
    const tensors = new File([safetensorsFile({ a: 4 })], 'download')
    await expect(open(tensors)).rejects.toThrow(
      /download: .* not a GGUF file: it looks like a safetensors file/,
    )
    const gguf = new File(['GGUF\u0003\0\0\0'], 'model.safetensors')
    const config = new File(['{}'], 'config.json')
    await expect(open([gguf, config])).rejects.toThrow(/model\.safetensors: .* looks like a GGUF file/)
  })
})
