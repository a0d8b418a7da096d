import type { ConfigReader } from '../config-reader'
import { blockScales, byteMatrix, checkBlock } from './byte-matrix'
import { type Quantization, unsupportedQuantization } from './scheme'

/** FP8 by blocks of a matrix, as DeepSeek and Qwen store it: a float of 8 bits times its block's `weight_scale_inv`. */
export function readFp8(read: ConfigReader): Quantization {
  const format = read.text('fmt', 'e4m3')
  if (format !== 'e4m3') throw unsupportedQuantization(`FP8 as '${format}' is not supported; e4m3 is.`)
  const block = readBlock(read, 'weight_block_size')
  return {
    name: `FP8 in blocks of ${block[0]} × ${block[1]}`,
    find: (stem, rows, columns, tensors) => {
      const scaleName = `${stem}.weight_scale_inv`
      if (!tensors.has(scaleName)) return null
      const weight = tensors.typed(`${stem}.weight`, ['F8_E4M3'], [rows, columns])
      return byteMatrix('FP8', 'e4m3', weight, blockScales(scaleName, block, [rows, columns], tensors), block)
    },
  }
}

/** Rows and columns of the blocks that have a scale each. */
export function readBlock(read: ConfigReader, field: string): readonly [number, number] {
  const size = read.json[field]
  if (!Array.isArray(size) || size.length !== 2) {
    throw unsupportedQuantization(
      `${read.where} has no ${field} of two numbers: FP8 without blocks is not supported.`,
    )
  }
  const block = [Number(size[0]), Number(size[1])] as const
  checkBlock(block)
  return block
}
