import type { Metadata, MetadataArray, MetadataValue } from '../util/metadata'
import type { GgufHeader, TensorInfo } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { ggmlTypes, removedTypes } from './ggml-types'
import { Cursor } from './gguf-cursor'
import { looksLike, malformed } from './malformed'

const magic = 0x46554747
/** What a safetensors file has behind its header's length. */
const openBrace = 0x7b
const deepestArray = 4
const mostDims = 4

/**
 * Reads the header of a GGUF file (versions 2 and 3, little-endian; the format as ggml's docs/gguf.md describes it)
 * from the file's first bytes.
 *
 * @throws NeedMoreBytes where `bytes` ends inside the header and the file does not, OctavoError 'malformed-file',
 *   'unsupported-tensor-type'
 */
export function readGgufHeader(bytes: Uint8Array, fileBytes: number): GgufHeader {
  const cursor = new Cursor(bytes, fileBytes)
  readVersion(cursor)
  const tensorCount = cursor.u64(() => 'The tensor count')
  const metadataCount = cursor.u64(() => 'The metadata count')
  // A tensor takes 24 bytes at least, a key with its value 13.
  if (tensorCount * 24n > BigInt(fileBytes))
    throw malformed(`The tensor count ${tensorCount} cannot fit in the file.`)
  if (metadataCount * 13n > BigInt(fileBytes))
    throw malformed(`The metadata count ${metadataCount} cannot fit in the file.`)
  const metadata = readMetadata(cursor, Number(metadataCount))
  const alignment = readAlignment(metadata, fileBytes)
  const raw: RawTensor[] = []
  for (let i = 0; i < Number(tensorCount); i++) raw.push(readTensor(cursor, i))
  const dataOffset = Math.ceil(cursor.at / alignment) * alignment
  const tensors = raw.map((tensor) => placeTensor(tensor, dataOffset, alignment, fileBytes))
  checkNames(tensors)
  checkOverlap(tensors)
  return { kind: 'gguf', metadata, tensors, fileBytes }
}

function readVersion(cursor: Cursor): void {
  const what = () => 'The header'
  const found = cursor.u32(what)
  if (found !== magic) {
    const looks = looksLike(cursor.bytes) ?? (cursor.bytes[8] === openBrace ? 'a safetensors file' : null)
    const name = new TextDecoder('latin1').decode(cursor.bytes.subarray(0, 4)).replaceAll(/[^ -~]/g, '?')
    throw malformed(`This is not a GGUF file${looks ? `: it looks like ${looks}` : ` (magic is '${name}')`}.`)
  }
  const version = cursor.u32(what)
  if (version >= 2 && version <= 3) return
  if (version >>> 24 > 0 && (version & 0xffff) === 0) {
    throw malformed(`The GGUF version reads as ${version}: big-endian GGUF is not supported.`)
  }
  throw malformed(`GGUF version ${version} is not supported: use a newer conversion.`)
}

function readMetadata(cursor: Cursor, count: number): Metadata {
  const metadata = new Map<string, MetadataValue>()
  for (let i = 0; i < count; i++) {
    const key = cursor.text(() => 'A metadata key')
    if (metadata.has(key)) throw malformed(`The metadata key '${key}' appears twice.`)
    const what = () => `The value of metadata '${key}'`
    metadata.set(key, readValue(cursor, cursor.u32(what), key, what))
  }
  return metadata
}

/** Sizes and readers of the scalar types, by GGUF's type id. */
const scalars: ReadonlyMap<number, { bytes: number; read: (view: DataView, at: number) => number | bigint }> =
  new Map([
    [0, { bytes: 1, read: (view, at) => view.getUint8(at) }],
    [1, { bytes: 1, read: (view, at) => view.getInt8(at) }],
    [2, { bytes: 2, read: (view, at) => view.getUint16(at, true) }],
    [3, { bytes: 2, read: (view, at) => view.getInt16(at, true) }],
    [4, { bytes: 4, read: (view, at) => view.getUint32(at, true) }],
    [5, { bytes: 4, read: (view, at) => view.getInt32(at, true) }],
    [6, { bytes: 4, read: (view, at) => view.getFloat32(at, true) }],
    [10, { bytes: 8, read: (view, at) => narrow(view.getBigUint64(at, true)) }],
    [11, { bytes: 8, read: (view, at) => narrow(view.getBigInt64(at, true)) }],
    [12, { bytes: 8, read: (view, at) => view.getFloat64(at, true) }],
  ])
/** Arrays of the types whose values are all numbers; files and every machine that runs a browser are little-endian. */
const numberLists = new Map<number, (bytes: ArrayBuffer) => MetadataArray>([
  [0, (bytes) => new Uint8Array(bytes)],
  [1, (bytes) => new Int8Array(bytes)],
  [2, (bytes) => new Uint16Array(bytes)],
  [3, (bytes) => new Int16Array(bytes)],
  [4, (bytes) => new Uint32Array(bytes)],
  [5, (bytes) => new Int32Array(bytes)],
  [6, (bytes) => new Float32Array(bytes)],
  [12, (bytes) => new Float64Array(bytes)],
])
const boolType = 7
const stringType = 8
const arrayType = 9

/** A number where it is one exactly. */
function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function readValue(cursor: Cursor, type: number, key: string, what: () => string): MetadataValue {
  const scalar = scalars.get(type)
  if (scalar) return scalar.read(cursor.view, cursor.take(scalar.bytes, what))
  if (type === boolType) return readBool(cursor, what)
  if (type === stringType) return key.startsWith('tokenizer.') ? cursor.looseText(what) : cursor.text(what)
  if (type === arrayType) return readArray(cursor, key, what, 1)
  throw malformed(`The metadata '${key}' has unknown value type ${type}.`)
}

function readBool(cursor: Cursor, what: () => string): boolean {
  const value = cursor.bytes[cursor.take(1, what)]!
  if (value > 1) throw malformed(`${what()} is ${value}; a bool is 0 or 1.`)
  return value === 1
}

function readArray(cursor: Cursor, key: string, what: () => string, depth: number): MetadataValue {
  if (depth > deepestArray) throw malformed(`The metadata '${key}': arrays are nested too deeply.`)
  const type = cursor.u32(what)
  const length = cursor.u64(what)
  const scalar = scalars.get(type)
  // Each string takes its length, each nested array its type and length.
  const leastBytes = scalar?.bytes ?? (type === stringType ? 8 : type === arrayType ? 12 : 1)
  if (![boolType, stringType, arrayType].includes(type) && !scalar) {
    throw malformed(`The metadata '${key}' has unknown array element type ${type}.`)
  }
  if (length * BigInt(leastBytes) > BigInt(cursor.fileBytes - cursor.at)) {
    throw malformed(`The metadata '${key}': the array of ${length} ends beyond the file.`)
  }
  const count = Number(length)
  if (scalar) {
    const at = cursor.take(count * scalar.bytes, what)
    const list = numberLists.get(type)
    if (list) return list(cursor.copy(at, count * scalar.bytes))
    return Array.from({ length: count }, (_, i) =>
      scalar.read(cursor.view, at + i * scalar.bytes),
    ) as number[]
  }
  const values: unknown[] = []
  const loose = key.startsWith('tokenizer.')
  for (let i = 0; i < count; i++) {
    if (type === stringType) values.push(loose ? cursor.looseText(what) : cursor.text(what))
    else if (type === boolType) values.push(readBool(cursor, what))
    else values.push(readArray(cursor, key, what, depth + 1))
  }
  return values as string[]
}

function readAlignment(metadata: Metadata, fileBytes: number): number {
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number') throw malformed('general.alignment must be a uint32.')
  if (alignment < 1 || !Number.isInteger(Math.log2(alignment))) {
    throw malformed(`general.alignment is ${alignment}: it must be a power of two.`)
  }
  if (alignment > Math.max(fileBytes, 32)) {
    throw malformed(`general.alignment is ${alignment}: the data would begin beyond the file.`)
  }
  return alignment
}

interface RawTensor {
  readonly name: string
  readonly dims: readonly bigint[]
  readonly type: number
  /** Relative to the data. */
  readonly offset: bigint
}

function readTensor(cursor: Cursor, index: number): RawTensor {
  const name = cursor.text(() => `The name of tensor ${index}`)
  const what = () => `The description of tensor '${name}'`
  const dimCount = cursor.u32(what)
  if (dimCount > mostDims) {
    throw malformed(`The tensor '${name}' has ${dimCount} dimensions: at most ${mostDims} are supported.`)
  }
  const dims = Array.from({ length: dimCount }, () => cursor.u64(what))
  const type = cursor.u32(what)
  return { name, dims, type, offset: cursor.u64(what) }
}

function placeTensor(
  tensor: RawTensor,
  dataOffset: number,
  alignment: number,
  fileBytes: number,
): TensorInfo {
  const { name, dims, offset } = tensor
  const type = ggmlTypes.get(tensor.type)
  if (!type) {
    const removed = removedTypes.get(tensor.type)
    throw new OctavoError(
      'unsupported-tensor-type',
      removed
        ? `The tensor '${name}' has type ${removed} (id ${tensor.type}), which was removed from GGUF.`
        : `The tensor '${name}' has unknown type id ${tensor.type}.`,
      'Choose a newer conversion of the model.',
    )
  }
  const negative = dims.find((dim) => dim >= 2n ** 63n)
  if (negative !== undefined) throw malformed(`The tensor '${name}' has a dimension of ${negative}.`)
  const columns = dims[0] ?? 1n
  if (columns % BigInt(type.weights) !== 0n) {
    throw malformed(
      `The tensor '${name}': rows of ${columns} are not a whole number of ${type.name} blocks (${type.weights}).`,
    )
  }
  const weights = dims.reduce((product, dim) => product * dim, 1n)
  const bytes = (weights / BigInt(type.weights)) * BigInt(type.bytes)
  if (bytes >= 2n ** 63n) throw malformed(`The tensor '${name}' is too large.`)
  if (offset % BigInt(alignment) !== 0n) {
    throw malformed(`The tensor '${name}': offset ${offset} is not a multiple of ${alignment}.`)
  }
  const begin = BigInt(dataOffset) + offset
  if (begin > BigInt(fileBytes)) throw malformed(`The tensor '${name}' begins beyond the end of the file.`)
  if (begin + bytes > BigInt(fileBytes)) {
    throw malformed(`The tensor '${name}' ends beyond the file, which is cut short.`)
  }
  return { name, type: type.name, dims: dims.map(Number), offset: Number(begin), bytes: Number(bytes) }
}

function checkNames(tensors: readonly TensorInfo[]): void {
  const names = new Set<string>()
  for (const { name } of tensors) {
    if (names.has(name)) throw malformed(`The tensor '${name}' appears twice.`)
    names.add(name)
  }
}

function checkOverlap(tensors: readonly TensorInfo[]): void {
  const inOrder = tensors.filter(({ bytes }) => bytes > 0).sort((a, b) => a.offset - b.offset)
  for (let i = 1; i < inOrder.length; i++) {
    const [before, after] = [inOrder[i - 1]!, inOrder[i]!]
    if (before.offset + before.bytes > after.offset) {
      throw malformed(`The tensors '${before.name}' and '${after.name}' overlap.`)
    }
  }
}
