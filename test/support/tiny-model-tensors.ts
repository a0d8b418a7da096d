/** A random tensor: its bytes as a GGUF file holds them, and the numbers that they stand for. */
export interface RandomTensor {
  readonly type: number
  readonly dims: readonly number[]
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly values: Float64Array
}

export type TensorType = 'F32' | 'F16' | 'BF16' | 'Q4_0' | 'Q4_1' | 'Q8_0' | 'Q6_K'

/** Uniform numbers in [0, 1), the same for the same seed (Park & Miller 1988). */
export function randomNumbers(seed: number): () => number {
  let state = (seed % 2147483646) + 1
  return () => {
    state = (state * 48271) % 2147483647
    return (state - 1) / 2147483646
  }
}

/** One block of a tensor type: fills `view` with random bits and `values` with what they stand for, about ±`spread`. */
interface BlockType {
  readonly id: number
  readonly weights: number
  readonly bytes: number
  readonly fill: (view: DataView, values: Float64Array, spread: number, random: () => number) => void
}

const types: Readonly<Record<TensorType, BlockType>> = {
  F32: {
    id: 0,
    weights: 1,
    bytes: 4,
    fill: (view, values, spread, random) => {
      values[0] = Math.fround(spread * (2 * random() - 1))
      view.setFloat32(0, values[0], true)
    },
  },
  F16: {
    id: 1,
    weights: 1,
    bytes: 2,
    fill: (view, values, spread, random) => {
      values[0] = putHalf(view, 0, spread * (2 * random() - 1))
    },
  },
  BF16: {
    id: 30,
    weights: 1,
    bytes: 2,
    fill: (view, values, spread, random) => {
      const word = new DataView(new ArrayBuffer(4))
      word.setFloat32(0, spread * (2 * random() - 1))
      word.setUint16(2, 0)
      view.setUint16(0, word.getUint16(0), true)
      values[0] = word.getFloat32(0)
    },
  },
  Q4_0: {
    id: 2,
    weights: 32,
    bytes: 18,
    fill: (view, values, spread, random) => {
      const d = putHalf(view, 0, (spread / 8) * (0.5 + random()))
      fillNibbles(view, 2, random, (i, q) => {
        values[i] = d * (q - 8)
      })
    },
  },
  Q4_1: {
    id: 3,
    weights: 32,
    bytes: 20,
    fill: (view, values, spread, random) => {
      const d = putHalf(view, 0, (spread / 8) * (0.5 + random()))
      const m = putHalf(view, 2, -spread * (0.5 + random()))
      fillNibbles(view, 4, random, (i, q) => {
        values[i] = d * q + m
      })
    },
  },
  Q8_0: {
    id: 8,
    weights: 32,
    bytes: 34,
    fill: (view, values, spread, random) => {
      const d = putHalf(view, 0, (spread / 128) * (0.5 + random()))
      for (let i = 0; i < 32; i++) {
        const q = Math.floor(256 * random()) - 128
        view.setInt8(2 + i, q)
        values[i] = d * q
      }
    },
  },
  Q6_K: { id: 14, weights: 256, bytes: 210, fill: fillQ6K },
}

/** Random values of about ±`spread` around zero; `dims[0]` is the length of a row. */
export function randomTensor(
  type: TensorType,
  dims: readonly number[],
  spread: number,
  random: () => number,
): RandomTensor {
  const { id, weights, bytes: blockBytes, fill } = types[type]
  const count = dims.reduce((product, n) => product * n, 1)
  if (dims[0]! % weights !== 0) throw new Error(`${type} takes rows of whole ${weights}s`)
  const bytes = new Uint8Array((count / weights) * blockBytes)
  const values = new Float64Array(count)
  for (let block = 0; block < count / weights; block++) {
    const view = new DataView(bytes.buffer, block * blockBytes, blockBytes)
    fill(view, values.subarray(block * weights, (block + 1) * weights), spread, random)
  }
  return { type: id, dims, bytes, values }
}

/** An F32 tensor of given values. */
export function floatTensor(values: readonly number[]): RandomTensor {
  const floats = Float32Array.from(values)
  return {
    type: 0,
    dims: [values.length],
    bytes: new Uint8Array(floats.buffer),
    values: Float64Array.from(floats),
  }
}

/** Byte j holds weight j low and weight j + 16 high. */
function fillNibbles(
  view: DataView,
  at: number,
  random: () => number,
  put: (i: number, q: number) => void,
): void {
  for (let j = 0; j < 16; j++) {
    const byte = Math.floor(256 * random())
    view.setUint8(at + j, byte)
    put(j, byte & 15)
    put(j + 16, byte >> 4)
  }
}

/** 256 weights d · scale[i / 16] · (q − 32): low four bits of q, high two, signed scales, d (ggml's block_q6_K). */
function fillQ6K(view: DataView, values: Float64Array, spread: number, random: () => number): void {
  for (let i = 0; i < 192; i++) view.setUint8(i, Math.floor(256 * random()))
  for (let i = 0; i < 16; i++) view.setInt8(192 + i, Math.floor(200 * random()) - 100)
  const d = putHalf(view, 208, spread / 1600)
  for (let i = 0; i < 256; i++) {
    const [half, quarter, place] = [Math.floor(i / 128), Math.floor((i % 128) / 32), i % 32]
    const low = view.getUint8(64 * half + 32 * (quarter % 2) + place)
    const nibble = quarter < 2 ? low & 15 : low >> 4
    const high = (view.getUint8(128 + 32 * half + place) >> (2 * quarter)) & 3
    values[i] = d * view.getInt8(192 + Math.floor(i / 16)) * (nibble + 16 * high - 32)
  }
}

/** Writes the f16 nearest to the value, and gives it; for normal numbers. */
function putHalf(view: DataView, at: number, value: number): number {
  const magnitude = Math.max(Math.abs(value), 2 ** -14)
  let exponent = Math.floor(Math.log2(magnitude))
  let fraction = Math.round((magnitude / 2 ** exponent - 1) * 1024)
  if (fraction === 1024) {
    exponent += 1
    fraction = 0
  }
  view.setUint16(at, (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction, true)
  return (value < 0 ? -1 : 1) * (1 + fraction / 1024) * 2 ** exponent
}
