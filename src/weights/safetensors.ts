import type { TensorInfo } from '../util/model-file'
import { looksLike, malformed, NeedMoreBytes } from './malformed'

/** The format's own limit. */
const mostHeaderBytes = 100_000_000
const lengthBytes = 8
const openBrace = 0x7b

/** Bits of a weight, by the format's name of its type. */
const typeBits: ReadonlyMap<string, number> = new Map([
  ['F4', 4] as const,
  ...['F6_E2M3', 'F6_E3M2'].map((type) => [type, 6] as const),
  ...['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'].map(
    (type) => [type, 8] as const,
  ),
  ...['I16', 'U16', 'F16', 'BF16'].map((type) => [type, 16] as const),
  ...['I32', 'U32', 'F32'].map((type) => [type, 32] as const),
  ...['I64', 'U64', 'F64', 'C64'].map((type) => [type, 64] as const),
])

/**
 * Reads the header of a safetensors file from the file's first bytes: a length of 8 bytes, and JSON with each tensor's
 * type, shape and place (the format as the README of huggingface/safetensors describes it). The tensors must fill
 * the rest of the file without gaps. Their order is that of their data, their offsets count from the file's begin.
 *
 * @throws NeedMoreBytes where `bytes` ends inside the header and the file does not, OctavoError 'malformed-file'
 */
export function readSafetensorsHeader(bytes: Uint8Array, fileBytes: number): readonly TensorInfo[] {
  if (fileBytes < lengthBytes) {
    throw malformed(`This is not a safetensors file: it is of ${fileBytes} bytes, and the header takes 8.`)
  }
  if (bytes.length < lengthBytes) throw new NeedMoreBytes(lengthBytes)
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getBigUint64(0, true)
  if (claimed > BigInt(Math.min(mostHeaderBytes, fileBytes - lengthBytes))) {
    throw malformed(tooLong(bytes, claimed))
  }
  const dataBegin = lengthBytes + Number(claimed)
  if (bytes.length < dataBegin) throw new NeedMoreBytes(dataBegin)
  const text = decode(bytes.subarray(lengthBytes, dataBegin))
  const tensors: TensorInfo[] = []
  for (const [name, value] of Object.entries(parse(text))) {
    if (name === '__metadata__') checkMetadata(value)
    else tensors.push(readTensor(name, value, dataBegin))
  }
  checkNames(text)
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  checkPlaces(tensors, dataBegin, fileBytes)
  return tensors
}

function tooLong(bytes: Uint8Array, claimed: bigint): string {
  const looks = looksLike(bytes)
  if (looks) return `This is not a safetensors file: it looks like ${looks}.`
  if (claimed > mostHeaderBytes) {
    return `The safetensors header claims ${claimed} bytes: the limit is ${mostHeaderBytes}.`
  }
  return `The safetensors header claims ${claimed} bytes and so ends beyond the file.`
}

function decode(bytes: Uint8Array): string {
  if (bytes.length === 0) throw malformed('The safetensors header is empty.')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed('The safetensors header is not valid UTF-8.')
  }
  return text
}

function parse(text: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('The safetensors header is not valid JSON.')
  }
  if (text.charCodeAt(0) !== openBrace || !isObject(value)) {
    throw malformed('The safetensors header does not begin with ‘{’, as it must.')
  }
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkMetadata(value: unknown): void {
  if (!isObject(value)) throw malformed('The safetensors header’s __metadata__ is not an object of strings.')
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw malformed(`The safetensors header’s __metadata__.${key} is not a string.`)
    }
  }
}

function readTensor(name: string, value: unknown, dataBegin: number): TensorInfo {
  const what = `The tensor '${name}'`
  if (!isObject(value)) throw malformed(`${what} is not described by an object.`)
  const { dtype, shape, data_offsets: span } = value
  if (typeof dtype !== 'string') throw malformed(`${what} has no dtype.`)
  const bits = typeBits.get(dtype)
  if (bits === undefined) throw malformed(`${what} has the unknown dtype '${dtype}'.`)
  if (!Array.isArray(shape)) throw malformed(`${what} has no shape, which is a list of whole numbers.`)
  const dims = shape.map((length) => wholeNumber(length, () => `${what} has a dimension of`))
  if (!Array.isArray(span) || span.length !== 2) {
    throw malformed(`${what} has no data_offsets, which are two whole numbers.`)
  }
  const [begin = 0, end = 0] = span.map((at) => wholeNumber(at, () => `${what} has a data offset of`))
  if (end < begin) throw malformed(`${what} ends before it begins.`)
  const weights = dims.reduce((product, length) => product * length, 1)
  if (!Number.isSafeInteger(weights * bits)) throw malformed(`${what} is too large.`)
  if (weights * bits !== (end - begin) * 8) {
    throw malformed(
      `${what} of ${dtype} and shape [${dims}] needs ${(weights * bits) / 8} bytes, its place has ${end - begin}.`,
    )
  }
  return { name, type: dtype, dims: dims.reverse(), offset: dataBegin + begin, bytes: end - begin }
}

function wholeNumber(value: unknown, what: () => string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
  throw malformed(`${what()} ${JSON.stringify(value).slice(0, 40)}, which is no whole number.`)
}

/** `JSON.parse` keeps the last of fields with one name, so that the names are looked up in the text. */
function checkNames(text: string): void {
  const seen = new Set<string>()
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (sign === '{' || sign === '[') depth += 1
    else if (sign === '}' || sign === ']') depth -= 1
    else if (sign === '"') {
      const begin = at
      for (at += 1; text[at] !== '"'; at++) if (text[at] === '\\') at += 1
      // Outside of a tensor's description there are names only: it has been checked that each value is an object.
      if (depth !== 1) continue
      const name = String(JSON.parse(text.slice(begin, at + 1)))
      if (seen.has(name)) throw malformed(`The tensor '${name}' appears twice in the header.`)
      seen.add(name)
    }
  }
}

/** @param tensors in the order of their data */
function checkPlaces(tensors: readonly TensorInfo[], dataBegin: number, fileBytes: number): void {
  let at = dataBegin
  let before = ''
  for (const { name, offset, bytes } of tensors) {
    if (offset < at) throw malformed(`The tensors '${before}' and '${name}' overlap.`)
    if (offset + bytes > fileBytes) throw malformed(`The tensor '${name}' ends beyond the file.`)
    if (offset > at) throw malformed(`There is a gap of ${offset - at} bytes before the tensor '${name}'.`)
    at += bytes
    before = name
  }
  if (at < fileBytes) throw malformed(`${fileBytes - at} bytes after the last tensor belong to none.`)
}
