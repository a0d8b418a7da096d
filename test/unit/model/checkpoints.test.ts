import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { attentionIn } from '../../../src/model/attention-in'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import type { GgufHeader, JsonObject, SafetensorsHeader, TensorInfo } from '../../../src/util/model-file'
import { readGgufHeader } from '../../../src/weights/gguf'
import { makeRepo } from '../../support/safetensors-repo'
import { tinyModel } from '../../support/tiny-model'

const golden = join(import.meta.dirname, '../../golden')

/** A reference model's header, as a repo has it that holds more tensors. */
function repo(path: string, more: readonly Partial<TensorInfo>[] = [], changed: JsonObject = {}) {
  const file = join(golden, path, 'model.safetensors')
  const bytes = existsSync(file) ? readFileSync(file) : gunzipSync(readFileSync(`${file}.gz`))
  const config = JSON.parse(readFileSync(join(golden, path, 'config.json'), 'utf8'))
  const { header } = makeRepo([new Uint8Array(bytes)], { ...config, ...changed })
  const added = more.map(
    (tensor): TensorInfo => ({ name: '', type: 'F32', dims: [2], offset: 0, bytes: 8, ...tensor }),
  )
  return { ...header, tensors: [...header.tensors, ...added] } satisfies SafetensorsHeader
}

function find(header: SafetensorsHeader) {
  return findTensors(header, readDescription(header), 'exact')
}

describe('tensors of old checkpoints that follow from the config are left out', () => {
  const files = [
    ['arch/llama-bias', ['model.layers.0.self_attn.rotary_emb.inv_freq']],
    ['arch/gpt2-bare', ['h.0.attn.bias', 'h.1.attn.masked_bias']],
    [
      'arch/gpt-neox-sequential',
      ['bias', 'masked_bias', 'rotary_emb.inv_freq'].map((name) => `gpt_neox.layers.0.attention.${name}`),
    ],
    ['arch/ernie4.5-moe', ['model.mtp_block.0.self_attn.q_proj.weight', 'model.mtp_emb_norm.0.weight']],
    ['arch/bert-reranker', ['bert.embeddings.position_ids']],
  ] as const
  it.each(files)('%s', (path, names) => {
    const before = find(repo(path)).matrices.length
    expect(
      find(
        repo(
          path,
          names.map((name) => ({ name })),
        ),
      ).matrices,
    ).toHaveLength(before)
    expect(() => find(repo(path, [{ name: 'model.layers.0.attn.bias_of_another_kind' }]))).toThrow(
      /would be left out of the answer/,
    )
  })
})

describe('a quantized matrix with a bias', () => {
  const path = 'quant/gptq-w4-asym-g32'
  const { tensors, texts } = repo(path)
  const layers = Number(texts.config.num_hidden_layers)
  const biases = Array.from({ length: layers }, (_, i) =>
    ['q', 'k', 'v'].map((name) => `model.layers.${i}.self_attn.${name}_proj`),
  )
    .flat()
    .map((stem) => {
      const [rows] = tensors.find(({ name }) => name === `${stem}.qweight`)!.dims
      return { name: `${stem}.bias`, type: 'F16', dims: [rows!], bytes: 2 * rows! }
    })
  const biasNotes = (header: SafetensorsHeader) =>
    find(header).matrices.flatMap(({ notes = [] }) =>
      notes.filter(({ tensors: [own] }) => own!.name.endsWith('.bias')),
    )

  it('has it added to its product where the model has one', () => {
    const header = repo(path, biases, { model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'] })
    expect(biasNotes(header)).toEqual([])
    const constants = find(header).layers.flatMap((layer) =>
      layer.constants.entries.map(({ tensor }) => tensor.name),
    )
    expect(constants).toEqual(expect.arrayContaining(biases.map(({ name }) => name)))
  })

  it('must have zeros where the model has none', () => {
    const notes = biasNotes(repo(path, biases))
    expect(notes).toHaveLength(biases.length)
    expect(() => notes[0]!.read([new Uint8Array([0, 0, 1, 0])])).toThrow(
      /is not zero, and the model has no bias there/,
    )
    expect(notes[0]!.read([new Uint8Array(4)])).toBeNull()
  })
})

it('scales of activations that a repo stores are left out, since those stay as they are', () => {
  const path = 'quant/ct-fp8-dynamic'
  const { tensors } = repo(path)
  const scales = tensors
    .filter(({ type }) => type === 'F8_E4M3')
    .map(({ name }) => ({ name: name.replace(/weight$/, 'input_scale'), dims: [1], bytes: 4 }))
  expect(scales.length).toBeGreaterThan(3)
  expect(find(repo(path, scales)).matrices).toHaveLength(find(repo(path)).matrices.length)
})

/** A GGUF header with other metadata. */
function gguf(architecture: string, metadata: readonly (readonly [string, unknown])[]): GgufHeader {
  const { file } = tinyModel()
  const header = readGgufHeader(file, file.length)
  const own = [...header.metadata].map(
    ([key, value]) => [key.replace(/^llama\./, `${architecture}.`), value] as const,
  )
  const changed = new Map<string, unknown>([...own, ['general.architecture', architecture], ...metadata])
  return { ...header, metadata: changed as unknown as GgufHeader['metadata'] }
}

describe('metadata of GGUF files', () => {
  const turns = (metadata: readonly (readonly [string, unknown])[]) =>
    attentionIn(readDescription(gguf('llama', metadata)).layers).map(({ rope }) => rope)

  it.each([[[['llama.rope.scaling.factor', 4]]], [[['llama.rope.scale_linear', 4]]]] as const)(
    'scale positions linearly where they name a factor and no type, %#',
    (metadata) => {
      const typed = turns([
        ['llama.rope.scaling.type', 'linear'],
        ['llama.rope.scaling.factor', 4],
      ])
      expect(turns(metadata)).toEqual(typed)
      expect(typed).not.toEqual(turns([]))
    },
  )

  it.each(['llama.rope.scaling.factor', 'llama.rope.scale_linear'])('do not where %s is 0 or 1', (key) => {
    for (const factor of [0, 1]) expect(turns([[key, factor]])).toEqual(turns([]))
  })

  const gemma = (architecture: string, layers: number) => {
    const header = gguf(architecture, [
      [`${architecture}.block_count`, layers],
      [`${architecture}.attention.sliding_window`, 64],
      [`${architecture}.embedding_length`, 96],
      [`${architecture}.attention.head_count`, 2],
      [`${architecture}.attention.key_length`, 32],
      [`${architecture}.attention.value_length`, 32],
    ])
    return attentionIn(readDescription(header).layers)[0]!.scale
  }
  it('scale scores of the Gemma models of 27B by the width’s share', () => {
    for (const [architecture, layers] of [
      ['gemma2', 46],
      ['gemma3', 62],
    ] as const) {
      expect(gemma(architecture, layers)).toBeCloseTo(1 / Math.sqrt(48), 6)
      expect(gemma(architecture, 26)).toBeCloseTo(1 / Math.sqrt(32), 6)
    }
  })

  it('say which layers of an OLMo 3 have a window', () => {
    const pattern = [true, false]
    const header = gguf('olmo2', [
      ['olmo2.attention.sliding_window', 16],
      ['olmo2.attention.sliding_window_pattern', pattern],
    ])
    const windows = attentionIn(readDescription(header).layers).map(
      ({ window }) => window !== null && window > 0,
    )
    expect(windows).toEqual(pattern)
  })
})
