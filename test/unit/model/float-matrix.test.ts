import { expect, it } from 'vitest'
import { floatStorage, floatWeightsOf } from '../../../src/model/float-matrix'
import type { JsonObject, ModelHeader } from '../../../src/util/model-file'

function header(config: JsonObject): ModelHeader {
  const texts = {
    config,
    tokenizer: null,
    tokenizerConfig: null,
    generationConfig: null,
    chatTemplate: null,
    sentenceTransformers: { modules: null, settings: null, config: null },
  }
  return { kind: 'safetensors', tensors: [], fileBytes: 0, texts }
}

it('floats become int4 unless the repo is quantized already, the user says else, or the file is GGUF', () => {
  expect(floatWeightsOf(header({}), null)).toBe('int4')
  expect(floatWeightsOf(header({ quantization_config: null }), null)).toBe('int4')
  expect(floatWeightsOf(header({ quantization_config: { quant_method: 'gptq' } }), null)).toBe('exact')
  expect(floatWeightsOf(header({ quantization: { bits: 4 } }), null)).toBe('exact')
  expect(floatWeightsOf(header({ quantization: { bits: 4 } }), 'int4')).toBe('int4')
  expect(floatWeightsOf(header({}), 'f16')).toBe('f16')
  const gguf: ModelHeader = { kind: 'gguf', metadata: new Map(), tensors: [], fileBytes: 0 }
  expect(floatWeightsOf(gguf, 'int4')).toBe('exact')
})

it.each([
  ['BF16', 2048, 'layer', 'int4', 'Q4_K', 512],
  ['F32', 576, 'layer', 'int4', 'Q4_1', 128],
  ['F16', 2048, 'vocabulary', 'int4', 'Q8_0', 64],
  // Rows that are no whole groups stay floats, of 16 bits.
  ['F32', 36, 'layer', 'int4', 'F16', 8],
  ['BF16', 36, 'layer', 'int4', 'BF16', 4],
  ['F32', 2048, 'layer', 'f16', 'F16', 8],
  ['BF16', 2048, 'layer', 'f16', 'BF16', 4],
  ['F32', 2048, 'layer', 'exact', 'F32', 4],
] as const)(
  '%s of %i columns, of a %s, as %s is kept in %s',
  (type, columns, role, kind, format, unitBytes) => {
    const storage = floatStorage(type, columns, role, kind)
    expect(storage.format.name).toBe(format)
    expect(storage.packing.unitBytes).toBe(unitBytes)
    // One pipeline for all matrices of a kind.
    expect(floatStorage(type, columns, role, kind).packing).toBe(storage.packing)
  },
)
