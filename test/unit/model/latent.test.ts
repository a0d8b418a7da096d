import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { attentionIn } from '../../../src/model/attention-in'
import { ConfigReader } from '../../../src/model/config-reader'
import { Constants } from '../../../src/model/constants'
import { minicpm3 } from '../../../src/model/families/minicpm'
import { findLatent } from '../../../src/model/parts/latent'
import type { Quantization } from '../../../src/model/quantized/scheme'
import { TensorFinder } from '../../../src/model/tensor-finder'
import type { JsonObject } from '../../../src/util/model-file'

const file = join(import.meta.dirname, '../../golden/arch/minicpm3/config.json')
const minicpm: JsonObject = JSON.parse(readFileSync(file, 'utf8'))
const attention = (change: JsonObject) => {
  const config = new ConfigReader({ ...minicpm, ...change }, 'config.json')
  return attentionIn(minicpm3.describe(config, () => true).layers)[0]!
}

describe('latent attention', () => {
  it('has one key a token, of its vector and what is rotated', () => {
    expect(attention({})).toMatchObject({ kvHeads: 1, headDim: 48, scale: 32 ** -0.5, rope: { headDim: 16 } })
    expect(attention({ q_lora_rank: null }).projections.map(({ rows }) => rows)).toEqual([48, 64])
  })

  it('multiplies scores by the square of YaRN’s magnitude where the config has an mscale_all_dim', () => {
    const yarn = { rope_type: 'yarn', rope_theta: 1e4, factor: 40, original_max_position_embeddings: 16 }
    const scaleOf = (more: JsonObject) => attention({ rope_parameters: { ...yarn, ...more } }).scale
    expect(scaleOf({})).toBe(32 ** -0.5)
    const growth = (0.1 * 0.7 * Math.log(40) + 1) ** 2
    expect(scaleOf({ mscale: 0.7, mscale_all_dim: 0.7 })).toBeCloseTo(32 ** -0.5 * growth, 12)
  })

  it.each<readonly [JsonObject, RegExp]>([
    [{ kv_lora_rank: null }, /kv_lora_rank in config.json is null/],
    [{ kv_lora_rank: 30 }, /kv_lora_rank 30, .* multiples of 4 are supported/],
    [{ kv_lora_rank: 1024 }, /kv_lora_rank 1024 and qk_rope_head_dim 16 .* more than 576/],
    [{ v_head_dim: -4 }, /v_head_dim in config.json is -4/],
    [{ q_lora_rank: 'low' }, /q_lora_rank in config.json is "low"/],
  ])('is refused with %j', (change, words) => {
    expect(() => attention(change)).toThrow(words)
  })

  it('is refused where the matrix that makes keys and values is quantized, by its name', () => {
    const { latent } = attention({})
    const tensors = ['kv_a_layernorm', 'kv_b_proj', 'q_a_layernorm', 'q_b_proj'].map((name) => ({
      name: `model.layers.0.self_attn.${name}.weight`,
      type: 'F32',
      dims: name.endsWith('norm') ? [32] : [32, name === 'kv_b_proj' ? 96 : 64],
      offset: 0,
      bytes: 4,
    }))
    const header = { kind: 'gguf', metadata: new Map(), tensors, fileBytes: 0 } as const
    const placed = (quantization: Quantization | null) => ({
      find: new TensorFinder(header, 'exact', quantization),
      constants: new Constants('constants'),
      hidden: 64,
      name: 'layer 0',
    })
    const { toLatent, fromLatent } = findLatent(placed(null), latent!, 2)
    expect([toLatent.rows, toLatent.columns, fromLatent.rows, fromLatent.columns]).toEqual([64, 16, 64, 32])
    const [part] = toLatent.parts
    const found = { format: toLatent.format, parts: [part!], notes: [], joins: true }
    const quantization = { name: 'some', find: (stem: string) => (/kv_b/.test(stem) ? found : null) }
    expect(() => findLatent(placed(quantization), latent!, 2)).toThrow(/self_attn.kv_b_proj' is quantized/)
  })
})
