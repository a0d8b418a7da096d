import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfigJson } from '../../../src/model/config-json'
import type { JsonObject } from '../../../src/util/model-file'

const folder = join(import.meta.dirname, '../../golden/arch')
const read = (path: string): JsonObject => JSON.parse(readFileSync(join(folder, path), 'utf8'))
const llama = read('llama-llama3rope/config.json')

it.each(['llama-hd80', 'llama-linear', 'llama-llama3rope'])(
  'the config.json of %s means the same in the spelling of transformers 4 and of 5',
  (name) => {
    const config = readConfigJson(read(`${name}/config.json`))
    expect(readConfigJson(read(`${name}/config.legacy.json`))).toEqual(config)
    expect(config.ropePairs).toBe('halves')
  },
)

it('Llama 3’s scaling leaves short waves alone and slows long ones by the whole factor', () => {
  const { ropeFactors } = readConfigJson(llama)
  expect(ropeFactors).toHaveLength(32)
  expect(ropeFactors![31]).toBe(8)
  // Even the shortest wave, of 2π tokens, is longer than a quarter of the 16 tokens: it is blended.
  const smooth = (16 / (2 * Math.PI) - 1) / 3
  expect(ropeFactors![0]).toBeCloseTo(1 / ((1 - smooth) / 8 + smooth), 12)
  expect([...ropeFactors!].sort((a, b) => a - b)).toEqual(ropeFactors)
})

describe('a config.json that cannot be run is refused by what is wrong with it', () => {
  const cases: readonly (readonly [change: JsonObject, words: RegExp])[] = [
    [{ model_type: 'mamba' }, /model_type 'mamba'/],
    [{ model_type: 7 }, /model_type in config.json is 7/],
    [{ attention_bias: true }, /attention_bias/],
    [{ mlp_bias: true }, /mlp_bias/],
    [{ hidden_act: 'gelu' }, /hidden_act "gelu"/],
    [{ num_attention_heads: 3, num_key_value_heads: 2 }, /head_count 3 is not a multiple/],
    [{ hidden_size: 'many' }, /hidden_size in config.json is "many"/],
    [{ num_hidden_layers: 1.5 }, /num_hidden_layers in config.json is 1.5, not a whole number/],
    [{ rms_norm_eps: undefined }, /rms_norm_eps in config.json is missing/],
    [{ rope_parameters: [1] }, /rope_parameters in config.json is not an object/],
    [{ rope_parameters: { rope_type: 'yarn', rope_theta: 1e4 } }, /RoPE scaling "yarn"/],
    [{ rope_parameters: { rope_type: 'linear', rope_theta: 1e4, factor: -2 } }, /factor in .* is -2/],
    [{ partial_rotary_factor: 0.3 }, /19 of a head’s 64 elements are rotated/],
    [{ head_dim: 260 }, /A head has 260 elements/],
  ]
  it.each(cases)('%j', (change, words) => {
    expect(() => readConfigJson({ ...llama, ...change })).toThrow(words)
  })
})
