import { type ConfigReader, malformedConfig } from '../config-reader'

/** What the attention kernels have room for. @throws OctavoError 'malformed-file' */
export function checkHeadCounts(config: ConfigReader, heads: number, kvHeads: number): void {
  const named = (field: string) => config.nameOf(field)
  if (heads % kvHeads !== 0) {
    throw malformedConfig(
      `${named('num_attention_heads')} ${heads} is not a multiple of ${named('num_key_value_heads')} ${kvHeads}.`,
    )
  }
  // Scores of a prefill tile, a lane for each of them and 64 keys a split, fill the workgroup memory of any device.
  if (heads / kvHeads > 64) {
    throw malformedConfig(
      `${heads / kvHeads} query heads share a head of keys and values; up to 64 are supported.`,
    )
  }
}

export function readHeadDim(config: ConfigReader, hidden: number, heads: number): number {
  if (!config.has('head_dim') && hidden % heads !== 0) {
    throw malformedConfig(
      `${config.nameOf('hidden_size')} ${hidden} is not a multiple of ${config.nameOf('num_attention_heads')} ${heads}.`,
    )
  }
  return checkedHeadDim(config.count('head_dim', hidden / heads), 256)
}

export function checkedHeadDim(headDim: number, most: number): number {
  if (headDim % 4 !== 0 || headDim > most) {
    throw malformedConfig(`A head has ${headDim} elements; multiples of 4 up to ${most} are supported.`)
  }
  return headDim
}
