import { createTokenizer, fetchTokenizer } from '../src/text/tokenizer'
import type { JsonObject } from '../src/util/model-file'
import { readSafetensorsHeader } from '../src/weights/safetensors'
import type { BertModel } from '../test/reference/bert'

/** A BERT of f32 from the bytes of its repo's files. */
export async function openBert(
  file: Uint8Array<ArrayBuffer>,
  config: JsonObject,
  tokenizer: JsonObject,
  tokenizerConfig: JsonObject,
): Promise<{ readonly model: BertModel; readonly tokenize: (text: string) => readonly number[] }> {
  const tensors = new Map(readSafetensorsHeader(file, file.length).map((tensor) => [tensor.name, tensor]))
  const values = (name: string): Float32Array => {
    const { type, offset, bytes } = tensors.get(name)!
    if (type !== 'F32') throw new Error(`${name} has type ${type}, not F32`)
    return new Float32Array(file.slice(offset, offset + bytes).buffer)
  }
  const model: BertModel = {
    layers: Number(config.num_hidden_layers),
    heads: Number(config.num_attention_heads),
    epsilon: Number(config.layer_norm_eps),
    matrix: (name) => {
      const [columns, rows] = tensors.get(name)!.dims
      return { columns: columns!, rows: rows!, values: values(name) }
    },
    vector: values,
  }
  const texts = { config, tokenizer, tokenizerConfig, generationConfig: null, chatTemplate: null }
  const header = { kind: 'safetensors', texts } as const
  await fetchTokenizer(header)
  const reader = createTokenizer(header)
  return { model, tokenize: (text) => reader.encode(text, { special: false, addBos: true, addEos: true }) }
}
