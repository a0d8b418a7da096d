import { describe, expect, it } from 'vitest'
import { chooseModel, defaultModel, modelTitle, smallerThan } from '../../../demo/model/model-choice'

const none = { model: '', endpoint: '' }
const page = 'https://page.example/demo/'
const offered = { endpoint: 'hub', model: 'local/model:Q4_1', bytes: 98_000_000, license: 'Apache 2.0' }

describe('which model the page loads', () => {
  it('is the default where nothing says otherwise', () => {
    expect(chooseModel(page, none, null)).toEqual(defaultModel)
  })

  it('is what its server offers, the endpoint resolved against the page', () => {
    expect(chooseModel(`${page}index.html`, none, offered)).toEqual({
      model: 'local/model:Q4_1',
      endpoint: 'https://page.example/demo/hub',
      bytes: 98_000_000,
      license: 'Apache 2.0',
    })
  })

  it.each([[null], ['text'], [{}], [{ model: 3, endpoint: 'hub' }], [{ model: 'a/b' }]])(
    'is the default where octavo.json is %j',
    (contents) => {
      expect(chooseModel(page, none, contents)).toEqual(defaultModel)
    },
  )

  it('is the settings’ before the server’s, and the address’s before both', () => {
    const settings = { model: 'set/model', endpoint: 'https://mirror.example/' }
    expect(chooseModel(page, settings, offered)).toMatchObject({
      model: 'set/model',
      endpoint: 'https://mirror.example',
      bytes: null,
    })
    expect(chooseModel(`${page}?model=asked/model:Q8_0&endpoint=hub2`, settings, offered)).toMatchObject({
      model: 'asked/model:Q8_0',
      endpoint: 'https://page.example/demo/hub2',
    })
  })

  it('takes another endpoint for the same model', () => {
    expect(chooseModel(`${page}?endpoint=https://mirror.example`, none, null)).toEqual({
      ...defaultModel,
      endpoint: 'https://mirror.example',
    })
  })

  it('is called by its name and quantization', () => {
    expect(modelTitle(defaultModel)).toBe('SmolLM2 135M Instruct, Q8_0')
    expect(modelTitle({ ...defaultModel, model: 'a/Some_Model@main' })).toBe('Some Model')
    expect(modelTitle({ ...defaultModel, model: 'https://a.b/c/my%20model.gguf?x=1' })).toBe('my model.gguf')
  })

  it.each(['https:', 'https://', 'https:// huggingface.co/a/b', 'https://a.b/50%.gguf'])(
    'is called %s while somebody is typing that',
    (model) => {
      expect(modelTitle({ ...defaultModel, model })).toBe(model)
    },
  )

  it('of picked files is called by its weights, or by their folder', () => {
    const titleOf = (...names: string[]) =>
      modelTitle({ ...defaultModel, model: names.map((name) => new File([], name)) })
    expect(titleOf('mine.gguf')).toBe('mine.gguf')
    expect(titleOf('config.json', 'model.safetensors')).toBe('model.safetensors')
    expect(titleOf('My-Model/config.json', 'My-Model/model.safetensors')).toBe('My-Model')
  })

  it('has a smaller one to offer, until there is none', () => {
    const smaller = smallerThan(defaultModel)
    expect(smaller!.bytes).toBeLessThan(defaultModel.bytes!)
    expect(smallerThan(smaller!)).toBeNull()
    expect(smallerThan({ ...defaultModel, model: 'big/model' })).toEqual(defaultModel)
  })
})
