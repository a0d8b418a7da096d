import type { Json } from '../util/model-file'
import { malformed } from './malformed'

/** Deeper than any file of a model is; who reads it may recurse. */
const deepest = 64

/** UTF-8, strictly. @throws OctavoError 'malformed-file' */
export function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw malformed(`${name} is not valid UTF-8.`)
  }
}

/**
 * Parses a JSON file that nobody has checked. Fields named `__proto__` are fields, as `JSON.parse` makes them.
 *
 * @throws OctavoError 'malformed-file'
 */
export function parseJson(bytes: Uint8Array, name: string): Json {
  const text = decodeText(bytes, name)
  checkDepth(bytes, name)
  try {
    return JSON.parse(text)
  } catch {
    throw malformed(`${name} is not valid JSON.`)
  }
}

const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Looks at the text, so that nothing deep is ever made. */
function checkDepth(bytes: Uint8Array, name: string): void {
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === openBrace || byte === openBracket) depth += 1
    else if (byte === closeBrace || byte === closeBracket) depth -= 1
    else if (byte === quote) {
      for (at += 1; at < bytes.length && bytes[at] !== quote; at++) if (bytes[at] === backslash) at += 1
    }
    if (depth > deepest) throw malformed(`${name} is nested too deeply.`)
  }
}
