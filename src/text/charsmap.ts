import type { Normalizer } from './normalizers'
import { malformed } from './tokenizer-errors'

const REMEMBERED = 20_000
/** A longer grapheme is looked up character by character. In bytes of UTF-8. */
const MAX_GRAPHEME = 5

/**
 * SentencePiece's precompiled character map: a double-array trie (darts-clone) from UTF-8 to offsets of texts that end
 * with a zero byte. Layout: bytes of the trie (u32), the trie's units (u32 each), the texts; all little-endian.
 *
 * It is applied as Hugging Face's tokenizers do: grapheme by grapheme, and of the entries that begin a grapheme the
 * shortest one counts. Throws OctavoError `malformed-file`.
 */
export function parseCharsmap(bytes: Uint8Array, name: string): Normalizer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const trieBytes = bytes.length >= 4 ? view.getUint32(0, true) : 0
  if (trieBytes === 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) {
    throw malformed(`The character map of ${name} is no such map`)
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
  const texts = bytes.subarray(4 + trieBytes)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const encoder = new TextEncoder()

  /** The text that stands for the key; null where the map has none. */
  const lookUp = (key: Uint8Array): string | null => {
    let at = childOffset(units[0]!)
    for (const byte of key) {
      at ^= byte
      const unit = units[at >>> 0]
      // A label is a byte; a value has the highest bit set.
      if (byte === 0 || unit === undefined || (unit & 0x800000ff) !== byte) return null
      at ^= childOffset(unit)
      if (unit & 0x100) {
        const start = (units[at >>> 0] ?? 0) & 0x7fffffff
        const end = texts.indexOf(0, start)
        return decoder.decode(texts.subarray(start, end < 0 ? texts.length : end))
      }
    }
    return null
  }
  const mapped = (grapheme: string): string => {
    const key = encoder.encode(grapheme)
    const whole = key.length <= MAX_GRAPHEME ? lookUp(key) : null
    if (whole !== null) return whole
    return Array.from(grapheme, (char) => lookUp(encoder.encode(char)) ?? char).join('')
  }
  const remembered = new Map<string, string>()
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })
  return (text) => {
    let result = ''
    for (const grapheme of graphemesOf(text, graphemes)) {
      let found = remembered.get(grapheme)
      if (found === undefined) {
        found = mapped(grapheme)
        if (remembered.size >= REMEMBERED) remembered.clear()
        if (grapheme.length < 16) remembered.set(grapheme, found)
      }
      result += found
    }
    return result
  }
}

function childOffset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6)
}

/** UTF-16 units that are cut at once: the platform's segmenter takes quadratic time. */
const SEGMENTED = 512

/** Between two characters of ASCII graphemes always part, but for a carriage return and its line feed. */
function* graphemesOf(text: string, segmenter: Intl.Segmenter): Generator<string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII.
  const stretches = text.match(/\r\n|[\x00-\x7f](?![^\x00-\x7f])|[\x00-\x7f]?[^\x00-\x7f]+/g)
  for (const stretch of stretches ?? []) {
    if (stretch.length === 1) yield stretch
    else yield* segmented(stretch, segmenter)
  }
}

function* segmented(text: string, segmenter: Intl.Segmenter): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const part = text.slice(start, start + SEGMENTED)
    const ends = start + part.length === text.length
    const graphemes = Array.from(segmenter.segment(part), ({ segment }) => segment)
    // The last one may go on behind the part.
    const whole = ends || graphemes.length === 1 ? graphemes : graphemes.slice(0, -1)
    for (const grapheme of whole) {
      yield grapheme
      start += grapheme.length
    }
  }
}
