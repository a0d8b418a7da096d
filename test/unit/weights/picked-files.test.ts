import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { beforeEach, describe, expect, it } from 'vitest'
import { isWhole, load, makeModel, open } from './loading'
import {
  endToEnd,
  indexName,
  jsonFile,
  picked,
  safetensorsFile,
  shardedSafetensors,
  splitGguf,
} from './several-files'

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory()
})

const split = splitGguf()
const sharded = shardedSafetensors()

describe('several Files', () => {
  it.each([
    [
      'the parts of a GGUF model, in any order',
      picked(split).reverse(),
      split,
      'big-Q4_0-00001-of-00003.gguf',
    ],
    ['the shards of a safetensors model with its texts', picked(sharded), sharded, indexName],
    ['a folder with such files', picked(sharded, 'my model/'), sharded, indexName],
  ] as const)('are one model: %s', async (_, files, made, main) => {
    const loaded = await load(files)
    expect(isWhole(loaded, endToEnd(made))).toBe(true)
    expect(loaded.model.source).toEqual({ reference: main, repo: null, revision: null, file: main })
    expect(await indexedDB.databases()).toEqual([])
  })

  it('need no index where their names say that they are all there', async () => {
    const { [indexName]: _, ...rest } = sharded
    expect(isWhole(await load(picked(rest)), endToEnd(sharded))).toBe(true)
  })

  it('bring the texts of a safetensors model', async () => {
    const { header } = await open(picked(sharded))
    expect(header).toMatchObject({
      kind: 'safetensors',
      texts: {
        config: { model_type: 'llama' },
        tokenizer: { version: '1.0' },
        tokenizerConfig: { chat_template: 'in the config' },
        generationConfig: null,
        chatTemplate: 'a template',
      },
    })
  })

  it('take the template of chat_template.json where there is no other', async () => {
    const { 'chat_template.jinja': _, ...rest } = sharded
    const files = picked({ ...rest, 'chat_template.json': jsonFile({ chat_template: 'of JSON' }) })
    expect((await open(files)).header).toMatchObject({ texts: { chatTemplate: 'of JSON' } })
  })

  it.each([
    ['a part is missing', picked(split).slice(0, 2), 'big-Q4_0-00003-of-00003.gguf is missing'],
    ['only one part was picked', picked(split).slice(1, 2), 'big-Q4_0-00001-of-00003.gguf is missing'],
    [
      'config.json is missing',
      picked({ 'model.safetensors': safetensorsFile({ a: 4 }) }),
      'config.json is missing',
    ],
    ['there is no model', picked({ 'config.json': jsonFile({}), 'a.txt': jsonFile({}) }), 'has no GGUF file'],
  ])('are refused where %s', async (_, files, message) => {
    await expect(open(files)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(message),
    })
  })

  it('of two models are refused', async () => {
    const files = picked({ 'a.gguf': makeModel(1), 'b.gguf': makeModel(2) })
    await expect(open(files)).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('a.gguf, b.gguf'),
    })
  })

  it('have an identity of all of them and of their config, whatever they are called', async () => {
    const { content } = await open(picked(sharded))
    expect((await open(picked(sharded, 'elsewhere/'))).content).toBe(content)
    expect((await open(picked(shardedSafetensors(2)))).content).not.toBe(content)
    const config = jsonFile({ model_type: 'llama', max_position_embeddings: 65 })
    expect((await open(picked({ ...sharded, 'config.json': config }))).content).not.toBe(content)
    const other = splitGguf({ seed: 5 })
    const first = Object.keys(split)[0]!
    const mixed = { ...other, [first]: split[first]! }
    expect((await open(picked(mixed))).content).not.toBe((await open(picked(other))).content)
  })
})

describe('the parts of a GGUF model', () => {
  const refused = (made: typeof split, message: RegExp) =>
    expect(open(picked(made))).rejects.toMatchObject({
      code: 'malformed-file',
      message: expect.stringMatching(message),
    })

  it('must say the count and the number that their names say', async () => {
    await refused(splitGguf({ said: () => ({ count: 2 }) }), /00001-of-00003\.gguf is one of 2 parts/)
    await refused(
      splitGguf({ said: (no) => (no === 2 ? { count: 7 } : {}) }),
      /00003-of-00003\.gguf is one of 7/,
    )
    await refused(
      splitGguf({ said: (no) => ({ no: no === 1 ? 2 : no }) }),
      /00002-of-00003\.gguf is part 1 .* 2 by/,
    )
  })

  it('must have as many tensors as the first says', async () => {
    await refused(splitGguf({ tensorCount: 5 }), /there are 5 tensors .* have 4/)
  })

  it('must not have a tensor twice', async () => {
    const made = splitGguf({ parts: [{ a: 8 }, { b: 8 }, { a: 8 }], tensorCount: 3 })
    await refused(made, /tensor 'a' is in big-Q4_0-00003-of-00003\.gguf and in big-Q4_0-00001/)
  })

  it('must be in the places that their numbers say', async () => {
    const [first, second, third] = Object.keys(split) as [string, string, string]
    const swapped = { [first]: split[first]!, [second]: split[third]!, [third]: split[second]! }
    await refused(swapped, /00002-of-00003\.gguf is part 1 by its name, and 2 by its split\.no/)
  })

  it('are not read alone under another name', async () => {
    const [first] = Object.values(split) as [Uint8Array<ArrayBuffer>]
    await refused({ 'renamed.gguf': first }, /renamed\.gguf is one of 3 parts/)
  })
})

describe('the texts of a safetensors model', () => {
  const withText = (name: string, bytes: Uint8Array<ArrayBuffer>) =>
    open(picked({ ...sharded, [name]: bytes }))
  const text = (content: string) => new TextEncoder().encode(content)

  it.each([
    ['config.json', text('{"a": '), 'config.json is not valid JSON'],
    ['config.json', text('[]'), 'config.json is not a JSON object'],
    [
      'tokenizer.json',
      text(`{"a":${'['.repeat(70)}${']'.repeat(70)}}`),
      'tokenizer.json is nested too deeply',
    ],
    ['tokenizer_config.json', Uint8Array.of(0x7b, 0xff, 0x7d), 'tokenizer_config.json is not valid UTF-8'],
    ['chat_template.jinja', Uint8Array.of(0xff), 'chat_template.jinja is not valid UTF-8'],
    ['generation_config.json', new Uint8Array(1_000_001), 'generation_config.json has 1000001 bytes'],
    ['config.json', new Uint8Array(0), 'config.json is not valid JSON'],
  ])('are checked: %s %#', async (name, bytes, message) => {
    await expect(withText(name, bytes)).rejects.toMatchObject({
      code: 'malformed-file',
      message: expect.stringContaining(message),
    })
  })

  it('may nest brackets in strings, and name a field __proto__, which stays a field', async () => {
    const config = text(
      `{"__proto__": {"model_type": "bert"}, "note": "${'['.repeat(100)}\\"${'{'.repeat(100)}"}`,
    )
    const { header } = await withText('config.json', config)
    const read = header.kind === 'safetensors' ? header.texts.config : {}
    expect(read.model_type).toBeUndefined()
    expect(Object.keys(read)).toEqual(['__proto__', 'note'])
  })
})
