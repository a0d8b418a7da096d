import type { WeightFormat } from '../../src/kernels/weights/format'

type Layout = Pick<WeightFormat, 'unitBytes' | 'unitWeights' | 'fields' | 'planes'>

/**
 * Raw blocks of a file as planes, one code after another. In a plane's words byte i of a word of codes of b bits holds,
 * lowest bits first, codes i, i + 4, i + 8, … of the word's 32 / b. Rows of plain types, whose units are words, are padded
 * with zeros to whole groups of 32 weights.
 */
export function repack(
  { unitBytes, unitWeights, fields, planes }: Layout,
  raw: Uint8Array,
  columns: number,
): Uint32Array<ArrayBuffer> {
  const rowUnits = columns / unitWeights
  const paddedUnits = unitWeights < 32 ? (Math.ceil(columns / 32) * 32) / unitWeights : rowUnits
  const rows = raw.length / unitBytes / rowUnits
  const { words, ...offsets } = planes((rows * paddedUnits * unitWeights) / 32)
  const bytes = new Uint8Array(4 * words)
  for (let unit = 0; unit < rows * rowUnits; unit++) {
    const at = Math.floor(unit / rowUnits) * paddedUnits + (unit % rowUnits)
    let begin = unit * unitBytes
    for (const field of fields) {
      const { bits, row } = field
      const source = raw.subarray(begin, begin + field.bytes)
      const plane = field.plane === 'quants' ? 0 : 4 * offsets[field.plane]
      const target = bytes.subarray(plane + at * field.bytes, plane + (at + 1) * field.bytes)
      begin += field.bytes
      if (!bits) {
        target.set(source)
        continue
      }
      const perByte = 8 / bits
      for (let n = 0; n < field.bytes * perByte; n++) {
        const [byte, place] = row
          ? [Math.floor(n / (row * perByte)) * row + (n % row), Math.floor(n / row) % perByte]
          : [Math.floor(n / perByte), n % perByte]
        const code = Math.floor(source[byte]! / 2 ** (bits * place)) % 2 ** bits
        const inWord = n % (4 * perByte)
        target[(n - inWord) / perByte + (inWord % 4)]! += code * 2 ** (bits * Math.floor(inWord / 4))
      }
    }
  }
  return new Uint32Array(bytes.buffer)
}
