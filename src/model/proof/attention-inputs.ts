import { integers } from './integers'

/** Tokens in the cache: one whole split of the context and a part of the next one. */
export const attentionTokens = 70

/** Elements after which a head repeats itself: what its answer is does not depend on the head's dimension. */
export const period = 8

const seeds = { query: 0xc2b2ae35, key: 0x27d4eb2f, value: 0x165667b1 } as const

/**
 * Rows [tokens, period] of eighths from −1 to 7/8, which each row has both, so that a cache of four bits rounds nothing.
 */
export function attentionRows(kind: keyof typeof seeds): Float64Array {
  const next = integers(seeds[kind])
  const rows = new Float64Array(attentionTokens * period)
  for (let token = 0; token < attentionTokens; token++) {
    for (let i = 0; i < period; i++) {
      const level = i === 0 ? -8 : i === 1 ? 7 : ((next() >>> 8) % 16) - 8
      rows[token * period + ((i + token) % period)] = level / 8
    }
  }
  return rows
}
