import type { JsonObject } from '../../util/model-file'
import { ConfigReader, isObject, malformedConfig, shown } from '../config-reader'
import { readAwq } from './awq'
import { readBitsAndBytes } from './bitsandbytes'
import { readCompressedTensors } from './compressed-tensors'
import { readFp8 } from './fp8'
import { readGptq } from './gptq'
import { readMlx } from './mlx'
import { readMxfp4 } from './mxfp4'
import { type Quantization, unsupportedQuantization } from './scheme'

const methods: ReadonlyMap<string, (read: ConfigReader) => Quantization> = new Map([
  ['gptq', readGptq],
  ['awq', readAwq],
  ['mlx', readMlx],
  ['compressed-tensors', readCompressedTensors],
  ['bitsandbytes', readBitsAndBytes],
  ['fp8', readFp8],
  ['mxfp4', readMxfp4],
])

/**
 * How the matrices of a safetensors repo are quantized; null where config.json says nothing of it.
 *
 * @throws OctavoError 'unsupported-tensor-type', 'malformed-file'
 */
export function readQuantization(config: JsonObject): Quantization | null {
  // MLX writes it under both names, and no method.
  const mlx = config.quantization ?? null
  const given = config.quantization_config ?? mlx
  if (given === null) return null
  const where = 'the quantization_config of config.json'
  if (!isObject(given)) throw malformedConfig(`${where} is not an object.`)
  const read = new ConfigReader(given, where)
  const method = given.quant_method ?? (mlx === null ? null : 'mlx')
  if (typeof method !== 'string')
    throw malformedConfig(`quant_method in ${where} is ${shown(method)}, not a text.`)
  const reader = methods.get(method)
  if (!reader) {
    const known = [...methods.keys()].join(', ')
    throw unsupportedQuantization(`The quantization '${method}' is not supported; ${known} are.`)
  }
  return reader(read)
}
