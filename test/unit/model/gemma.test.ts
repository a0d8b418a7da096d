import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { attentionIn } from '../../../src/model/attention-in'
import type { DenseDescription, ModelDescription } from '../../../src/model/description'
import { readDescription } from '../../../src/model/read-description'
import type { JsonObject } from '../../../src/util/model-file'

function configOf(name: string): JsonObject {
  const path = join(import.meta.dirname, `../../golden/arch/${name}/config.json`)
  return JSON.parse(readFileSync(path, 'utf8'))
}

const given = configOf('gemma4')
const given3n = configOf('gemma3n')
/** As repos on the Hub say it: what full layers have is said once. */
const { per_layer_config: _, ...plain } = given
const hub = { ...plain, global_head_dim: 64 }

function describeConfig(config: JsonObject): ModelDescription {
  const names = ['embed_tokens.weight', ...[0, 1, 2, 3].map((i) => `layers.${i}.mlp.gate_proj.weight`)]
  const tensors = names.map((name) => ({
    name: `model.${name}`,
    type: 'F32',
    dims: [4, 4],
    offset: 0,
    bytes: 64,
  }))
  const texts = {
    config,
    tokenizer: null,
    tokenizerConfig: null,
    generationConfig: null,
    chatTemplate: null,
    sentenceTransformers: { modules: null, settings: null, config: null },
  }
  return readDescription({ kind: 'safetensors', tensors, fileBytes: 0, texts })
}

const attentionOf = (config: JsonObject) => attentionIn(describeConfig(config).layers)

describe('Gemma 4', () => {
  it('has wider heads in full layers, said layer by layer or once', () => {
    expect(attentionOf(given).map(({ headDim }) => headDim)).toEqual([32, 64, 32, 64])
    expect(describeConfig(hub)).toEqual(describeConfig(given))
    expect(attentionOf({ ...hub, global_head_dim: 512 })[1]).toMatchObject({ headDim: 512, scale: 1 })
  })

  it('reads K and V of the last layer of the same type before those that share', () => {
    expect(attentionOf(given).map(({ sharesKvOf }) => sharesKvOf)).toEqual([null, null, 0, 1])
    expect(attentionOf({ ...given, num_kv_shared_layers: 0 }).map(({ sharesKvOf }) => sharesKvOf)).toEqual([
      null,
      null,
      null,
      null,
    ])
    const { beside } = describeConfig(given)
    expect(beside?.test('model.layers.2.self_attn.k_proj.weight')).toBe(true)
    expect(beside?.test('model.layers.1.self_attn.k_proj.weight')).toBe(false)
  })

  it('takes keys for values in full layers where the config says so', () => {
    const [sliding, full] = attentionOf({ ...hub, attention_k_eq_v: true, num_global_key_value_heads: 2 })
    expect(sliding).toMatchObject({ kvHeads: 1, value: { first: 96 } })
    expect(full).toMatchObject({ kvHeads: 2, key: { first: 128 }, value: { first: 128 } })
    expect(full!.projections.map(({ rows }) => rows)).toEqual([128, 128])
  })

  it('has feed-forward parts of twice the width in layers that share, where the config says so', () => {
    const { layers } = describeConfig({ ...given, use_double_wide_mlp: true })
    const widths = layers.map(({ feedForward }) => (feedForward.parts[0] as DenseDescription).intermediate)
    expect(widths).toEqual([64, 64, 128, 128])
  })

  it('needs no inputs of layers', () => {
    const { layers, layerInputs } = describeConfig({ ...given, hidden_size_per_layer_input: 0 })
    expect(layerInputs ?? null).toBeNull()
    expect(layers[0]!.ownInput ?? null).toBeNull()
  })

  const refused: readonly (readonly [change: JsonObject, words: RegExp])[] = [
    [{ enable_moe_block: true }, /enable_moe_block.*experts are not supported/],
    [{ use_bidirectional_attention: 'all' }, /use_bidirectional_attention "all"/],
    [{ num_kv_shared_layers: 4 }, /num_kv_shared_layers in config.json is 4; the model has 4 layers/],
    [{ num_kv_shared_layers: -1 }, /num_kv_shared_layers in config.json is -1/],
    [{ num_kv_shared_layers: 3 }, /Layer 1 of config.json shares keys and values, but none/],
    [{ per_layer_config: { 1: { head_dim: 64 } } }, /Layer 3 of config.json shares keys and values/],
    [{ per_layer_config: { 1: { num_experts: 4 } } }, /1 of per_layer_config of config.json has num_experts/],
    [{ per_layer_config: [64] }, /per_layer_config in config.json is \[64\]/],
    [{ per_layer_config: { 1: { head_dim: 1024 } } }, /A head has 1024 elements; multiples of 4 up to 512/],
    [{ hidden_size_per_layer_input: -3 }, /hidden_size_per_layer_input in config.json is -3/],
  ]
  it.each(refused)('is refused with %j', (change, words) => {
    expect(() => describeConfig({ ...given, ...change })).toThrow(words)
  })
})

describe('Gemma 3n', () => {
  const feedForwards = (config: JsonObject) =>
    describeConfig(config).layers.map(({ feedForward }) => feedForward.parts[0] as DenseDescription)

  it('drops the share of gates that the config says, layer by layer or for all', () => {
    const cutoffs = (pattern: JsonObject[string]) =>
      feedForwards({ ...given3n, activation_sparsity_pattern: pattern }).map(({ cutoff }) => cutoff)
    const [first, ...others] = cutoffs([0.95, 0, 0, 0])
    expect(first).toBeCloseTo(1.6448536269514722, 12)
    expect(others).toEqual([null, null, null])
    expect(cutoffs(0)).toEqual([null, null, null, null])
    expect(cutoffs(0.5)).toEqual([0, 0, 0, 0])
    expect(cutoffs(null)).toEqual([null, null, null, null])
  })

  it('has a feed-forward width for each layer, or one for all', () => {
    const widths = (intermediate_size: JsonObject[string]) =>
      feedForwards({ ...given3n, intermediate_size }).map(({ intermediate }) => intermediate)
    expect(widths([64, 32, 96, 128])).toEqual([64, 32, 96, 128])
    expect(widths(96)).toEqual([96, 96, 96, 96])
  })

  it('has as many streams as the config says', () => {
    const { altUp, layers } = describeConfig({ ...given3n, altup_num_inputs: 4, altup_active_idx: 2 })
    expect(altUp).toMatchObject({ streams: 4, active: 2 })
    expect(altUp!.projections.map(({ stem }) => stem)).toEqual(
      [0, 1, 2].map((i) => `model.altup_projections.${i}`),
    )
    expect(layers[1]!.altUp!.outputScale).toBe('model.layers.1.altup.correct_output_scale')
    const unscaled = describeConfig({ ...given3n, altup_correct_scale: false })
    expect(unscaled.layers[1]!.altUp!.outputScale).toBeNull()
  })

  const refused: readonly (readonly [change: JsonObject, words: RegExp])[] = [
    [{ activation_sparsity_pattern: [0.5] }, /activation_sparsity_pattern .*not a list of 4 numbers/],
    [{ activation_sparsity_pattern: 1 }, /activation_sparsity_pattern .* is 1, not shares/],
    [{ activation_sparsity_pattern: [0, 0, -0.1, 0] }, /activation_sparsity_pattern .*not shares/],
    [{ intermediate_size: [64] }, /intermediate_size in config.json is \[64\], not a list of 4/],
    [{ intermediate_size: [64, 64, 64, 0.5] }, /intermediate_size .*whole numbers above 0/],
    [{ altup_num_inputs: 2, altup_active_idx: 2 }, /altup_num_inputs 2 and altup_active_idx 2/],
    [{ altup_num_inputs: 1000 }, /altup_num_inputs 1000/],
    [{ num_kv_shared_layers: 4 }, /num_kv_shared_layers in config.json is 4/],
    [{ laurel_rank: 0 }, /laurel_rank in config.json is 0/],
  ]
  it.each(refused)('is refused with %j', (change, words) => {
    expect(() => describeConfig({ ...given3n, ...change })).toThrow(words)
  })
})
