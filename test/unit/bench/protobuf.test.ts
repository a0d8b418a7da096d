import { expect, it } from 'vitest'
import * as pb from '../../../bench/peers/onnx/protobuf.ts'

const bytesOf = ({ parts }: pb.Encoded) => parts.flatMap((part) => [...part])

it('encodes as the examples of the Protocol Buffers documentation are encoded', () => {
  expect(bytesOf(pb.integer(1, 150))).toEqual([0x08, 0x96, 0x01])
  expect(bytesOf(pb.text(2, 'testing'))).toEqual([0x12, 0x07, ...new TextEncoder().encode('testing')])
  expect(bytesOf(pb.message(3, pb.integer(1, 150)))).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01])
})

it('writes negative numbers in two’s complement of 64 bits, and floats in four bytes', () => {
  expect(bytesOf(pb.integer(1, -2))).toEqual([0x08, 0xfe, ...new Array(8).fill(0xff), 0x01])
  expect(bytesOf(pb.float(2, 1))).toEqual([0x15, 0, 0, 0x80, 0x3f])
})

it('knows its length and copies no bytes', () => {
  const weights = new Uint8Array(300)
  const encoded = pb.message(9, pb.integer(1, 1), pb.bytes(2, weights))
  expect(encoded.bytes).toBe(bytesOf(encoded).length)
  expect(encoded.parts).toContain(weights)
})
