import { decodeHalf } from './half'

/** How a block of a tensor type reads. */
export interface BlockType {
  readonly weights: number
  readonly bytes: number
  /** The terms whose sum is weight i of the block that begins at `at`. */
  readonly terms: (data: DataView, at: number, i: number) => readonly number[]
}

export const half = (data: DataView, at: number) => decodeHalf(data.getUint16(at, true))

/** Byte i of 16 holds weight i in its low four bits and weight i + 16 in its high ones. */
export function nibble(data: DataView, at: number, i: number): number {
  return i < 16 ? data.getUint8(at + i) & 15 : data.getUint8(at + i - 16) >> 4
}

/** Code i from byte `at` on of codes of so many bits, lowest bits first. */
export function code(data: DataView, at: number, bits: number, i: number): number {
  const bit = bits * i
  const low = data.getUint8(at + Math.floor(bit / 8)) >> (bit % 8)
  const whole =
    (bit % 8) + bits > 8 ? low + data.getUint8(at + Math.floor(bit / 8) + 1) * 2 ** (8 - (bit % 8)) : low
  return whole % 2 ** bits
}
