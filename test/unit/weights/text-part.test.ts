import { describe, expect, it } from 'vitest'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import type { JsonObject, SafetensorsHeader } from '../../../src/util/model-file'
import { textPart } from '../../../src/weights/text-part'
import { archHeader } from '../../support/arch-files'

/** The repo of a model of texts, as that of one that sees has it. */
function seeing(
  name: string,
  place: (name: string) => string,
  others: readonly string[],
  modelType?: string,
): { plain: SafetensorsHeader; seeing: SafetensorsHeader } {
  const plain = archHeader(name)
  const { architectures, eos_token_id, ...text } = plain.texts.config
  const config: JsonObject = {
    architectures: ['SeeingForConditionalGeneration'],
    eos_token_id: [1, 2],
    model_type: 'seeing',
    text_config: { ...text, model_type: modelType ?? text.model_type, eos_token_id: 3 },
    vision_config: { hidden_size: 7, num_hidden_layers: 2 },
  }
  const added = others.map((other, i) => ({
    name: `${other}.weight`,
    type: 'F32',
    dims: [8, 8],
    offset: plain.fileBytes + 256 * i,
    bytes: 256,
  }))
  const tensors = [...plain.tensors.map((tensor) => ({ ...tensor, name: place(tensor.name) })), ...added]
  return { plain, seeing: { ...plain, tensors, texts: { ...plain.texts, config } } }
}

/** As transformers 5 saves them, as it did before, and as Idefics does. */
const inModel = (name: string) => name.replace(/^model\./, 'model.language_model.')
const whole = (name: string) => `language_model.${name}`
const textModel = (name: string) => name.replace(/^model\./, 'model.text_model.')

describe('the text part of a repo', () => {
  it.each([
    ['gemma3', 'transformers 5', inModel, ['model.vision_tower.a', 'model.multi_modal_projector.b']],
    ['gemma3', 'transformers 4', whole, ['vision_tower.a', 'multi_modal_projector.b']],
    [
      'gemma3n',
      'transformers 5',
      inModel,
      ['model.vision_tower.a', 'model.audio_tower.b', 'model.embed_vision.c'],
    ],
    ['gemma4', 'transformers 5', inModel, ['model.vision_tower.a', 'model.embed_vision.c']],
    ['qwen3-next', 'transformers 5', inModel, ['model.visual.blocks.0.a', 'mtp.fc']],
    ['llama-llama3rope', 'Idefics', textModel, ['model.vision_model.a', 'model.connector.b']],
    ['ministral3', 'transformers 4', whole, ['vision_tower.a', 'multi_modal_projector.b']],
  ] as const)('is the text model: %s as %s has it', (name, _, place, others) => {
    const { plain, seeing: header } = seeing(name, place, others)
    const part = textPart(header)
    const description = readDescription(part)
    expect(description).toEqual(readDescription(plain))
    const found = findTensors(part, description, null)
    expect(found.matrices).toEqual(findTensors(plain, readDescription(plain), null).matrices)
  })

  it('of Qwen’s flat configs is under the same names', () => {
    const plain = archHeader('qwen2-swa')
    const config = {
      ...plain.texts.config,
      model_type: 'qwen2_5_vl',
      vision_config: {},
      rope_parameters: {
        ...(plain.texts.config.rope_parameters as JsonObject),
        rope_type: 'mrope',
        mrope_section: [1, 1, 2],
      },
    }
    const visual = {
      name: 'visual.merger.mlp.0.weight',
      type: 'F32',
      dims: [8],
      offset: plain.fileBytes,
      bytes: 32,
    }
    const part = textPart({
      ...plain,
      tensors: [...plain.tensors, visual],
      texts: { ...plain.texts, config },
    })
    expect(part.tensors).toEqual(plain.tensors)
    const { architecture, name, ...described } = readDescription(part)
    expect([architecture, name]).toEqual(['qwen2_5_vl', 'qwen2_5_vl'])
    expect(readDescription(plain)).toMatchObject(described)
  })

  it('keeps the ids that end an answer, and what is said of quantization by name', () => {
    const { seeing: header } = seeing('llama-llama3rope', inModel, [])
    const quantization = {
      bits: 4,
      'model.language_model.layers.0.mlp.up_proj': { bits: 8 },
      skip: ['language_model.lm_head'],
    }
    const config = { ...header.texts.config, quantization_config: quantization }
    const part = textPart({ ...header, texts: { ...header.texts, config } })
    expect(part.texts.config.eos_token_id).toEqual([1, 2])
    expect(part.texts.config.text_config).toMatchObject({ eos_token_id: 3 })
    expect(part.texts.config.quantization_config).toEqual({
      bits: 4,
      'model.layers.0.mlp.up_proj': { bits: 8 },
      skip: ['lm_head'],
    })
  })

  it('of a text model is all of it', () => {
    const plain = archHeader('llama-llama3rope')
    expect(textPart(plain)).toBe(plain)
  })

  it('is refused where two tensors would have one name', () => {
    const { plain, seeing: header } = seeing('llama-llama3rope', inModel, [])
    expect(() => textPart({ ...header, tensors: [...header.tensors, ...plain.tensors] })).toThrow(
      /two tensors/,
    )
  })

  it('leaves tensors that nobody knows to be refused', () => {
    const { seeing: header } = seeing('llama-llama3rope', inModel, ['model.third_eye.a'])
    const part = textPart(header)
    expect(() => findTensors(part, readDescription(part), null)).toThrow(/third_eye/)
  })
})
