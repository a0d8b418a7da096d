import { floatFormats } from './weights/float'
import type { WeightFormat } from './weights/format'
import { iqFormats } from './weights/iq'
import { kFormats } from './weights/k'
import { legacyFormats } from './weights/legacy'

/** Formats of the tensor types of GGUF, by their name. */
export const weightFormats: ReadonlyMap<string, WeightFormat> = new Map(
  [...floatFormats, ...legacyFormats, ...kFormats, ...iqFormats].map((format) => [format.name, format]),
)
