import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HubServer } from '../../support/hub-server'
import { isWhole, load, open } from './loading'
import { filesOnDisk, jsonFile, picked, type RepoFiles, safetensorsFile } from './several-files'

const repo = 'owner/vectors'
const classes = 'sentence_transformers.models.'
const listed = [
  { idx: 0, name: '0', path: '', type: `${classes}Transformer` },
  { idx: 1, name: '1', path: '1_Pooling', type: `${classes}Pooling` },
  { idx: 2, name: '2', path: '2_Dense', type: `${classes}Dense` },
  { idx: 3, name: '3', path: '3_Dense', type: `${classes}Dense` },
  { idx: 4, name: '4', path: '4_Normalize', type: `${classes}Normalize` },
]
const weights = {
  'model.safetensors': safetensorsFile({ a: 9000, b: 700 }),
  '2_Dense/model.safetensors': safetensorsFile({ 'linear.weight': 5000 }, 2),
  '3_Dense/model.safetensors': safetensorsFile({ 'linear.weight': 300 }, 3),
}
const files: RepoFiles = {
  ...weights,
  'config.json': jsonFile({ model_type: 'bert' }),
  'modules.json': jsonFile(listed),
  '1_Pooling/config.json': jsonFile({ pooling_mode_mean_tokens: true }),
  '2_Dense/config.json': jsonFile({ out_features: 5 }),
  '3_Dense/config.json': jsonFile({ out_features: 3 }),
  'sentence_bert_config.json': jsonFile({ max_seq_length: 256 }),
  'config_sentence_transformers.json': jsonFile({ prompts: { query: 'q: ' } }),
}
const whole = Buffer.concat(Object.values(weights)) as unknown as Uint8Array<ArrayBuffer>
const texts = {
  modules: [
    { type: `${classes}Transformer`, path: '', config: null },
    { type: `${classes}Pooling`, path: '1_Pooling', config: { pooling_mode_mean_tokens: true } },
    { type: `${classes}Dense`, path: '2_Dense', config: { out_features: 5 } },
    { type: `${classes}Dense`, path: '3_Dense', config: { out_features: 3 } },
    { type: `${classes}Normalize`, path: '4_Normalize', config: null },
  ],
  settings: { max_seq_length: 256 },
  config: { prompts: { query: 'q: ' } },
}
const tensorNames = ['a', 'b', '2_Dense/linear.weight', '3_Dense/linear.weight']

let server: HubServer
beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory()
  server = await HubServer.start({ repos: [{ repo, files: filesOnDisk(files) }], tokens: [] })
})
afterEach(() => server.close())

describe('a repo of sentence-transformers', () => {
  it.each([
    ['on the Hub', () => repo],
    ['by a URL', () => `${server.endpoint}/${repo}/resolve/main/model.safetensors`],
    ['among picked files', () => picked(files)],
    ['in a picked folder', () => picked(files, 'my model/')],
  ])('%s brings its texts and the weights of its modules', async (_, reference) => {
    const { model, ...received } = await load(reference(), server)
    expect(model.header).toMatchObject({ texts: { sentenceTransformers: texts } })
    expect(model.header.tensors.map(({ name }) => name)).toEqual(tensorNames)
    expect(isWhole(received, whole)).toBe(true)
    expect(model.files.map(({ path }) => path).sort()).toEqual(Object.keys(files).sort())
  })

  it('is loaded again without a network', async () => {
    await load(repo, server)
    server.log.length = 0
    const { model, ...received } = await load(repo, server)
    expect(isWhole(received, whole)).toBe(true)
    expect(model.header).toMatchObject({ texts: { sentenceTransformers: texts } })
    expect(server.log).toEqual([])
  })

  it('is another model where a module’s weights are others', async () => {
    const { content } = await open(picked(files))
    const changed = { ...files, '3_Dense/model.safetensors': safetensorsFile({ 'linear.weight': 300 }, 4) }
    expect((await open(picked(changed))).content).not.toBe(content)
  })

  it.each([
    ['an object', {}, 'not a list'],
    ['empty', [], 'not a list'],
    ['endless', Array.from({ length: 17 }, () => listed[0]), 'not a list'],
    ['of texts', ['Pooling'], 'module 0 has no type'],
    ['with a path that leads out', [listed[0], { ...listed[1], path: '../other' }], 'module 1 has no path'],
    ['with a path that is a number', [{ ...listed[1], path: 7 }], 'module 0 has no path'],
  ])('is refused whose modules.json is %s', async (_, modules, message) => {
    await expect(open(picked({ ...files, 'modules.json': jsonFile(modules) }))).rejects.toMatchObject({
      code: 'malformed-file',
      message: expect.stringContaining(message),
    })
  })
})

describe('a safetensors repo without modules', () => {
  it('has no texts of theirs', async () => {
    const { 'model.safetensors': model, 'config.json': config } = files
    const { header } = await open(picked({ 'model.safetensors': model!, 'config.json': config! }))
    const none = { modules: null, settings: null, config: null }
    expect(header).toMatchObject({ texts: { sentenceTransformers: none } })
  })
})
