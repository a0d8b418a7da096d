import { decodeHalf, encodeHalf } from './half'

/** Weights scale·code + minimum. */
interface Fit {
  readonly scale: number
  readonly minimum: number
}

const greatestHalf = 65504

/** The half-precision number nearest to a value; the greatest finite one where the value is beyond it. */
export function toHalf(value: number): number {
  return decodeHalf(encodeHalf(Math.min(greatestHalf, Math.max(-greatestHalf, value))))
}

/** To the nearest whole number, ties to even, as WGSL rounds. */
function round(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest === 0.5) return floor + (Math.abs(floor) % 2)
  return rest < 0.5 ? floor : floor + 1
}

/** The four-bit code of a weight; 0 where the scale is zero. */
function code(weight: number, { scale, minimum }: Fit): number {
  return scale > 0 ? Math.min(15, Math.max(0, round((weight - minimum) / scale))) : 0
}

/** Ranges that a group's codes may span, as shares of its own from 0 or its least weight to 0 or its greatest. */
const triedRanges = [1.05, 1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]

/**
 * The scale and the minimum of least squared error for the codes that one of the tried ranges gives: linear regression
 * of the weights on their codes. The minimum is not above zero.
 */
function fitGroup(weights: Float32Array, ranges: readonly number[] = triedRanges): Fit {
  const low = Math.min(0, ...weights)
  const high = Math.max(0, ...weights)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  let best: Fit = { scale: 0, minimum: 0 }
  let bestGain = -1
  for (const share of ranges) {
    const range = (high - low) * share
    const tried = { scale: range / 15, minimum: (high + low - range) / 2 }
    let [codes, squares, products] = [0, 0, 0]
    for (const weight of weights) {
      const q = code(weight, tried)
      codes += q
      squares += q * q
      products += weight * q
    }
    const determinant = weights.length * squares - codes * codes
    let scale = determinant > 0 ? (weights.length * products - codes * sum) / determinant : 0
    let minimum = (sum - scale * codes) / weights.length
    if (minimum > 0 || determinant === 0) {
      minimum = squares > 0 ? 0 : Math.min(sum / weights.length, 0)
      scale = squares > 0 ? products / squares : 0
    }
    const gain = scale * products + minimum * sum
    if (gain <= bestGain) continue
    bestGain = gain
    best = { scale, minimum }
  }
  return best
}

const groupsOf = (weights: Float32Array, length: number): readonly Float32Array[] =>
  Array.from({ length: weights.length / length }, (_, g) => weights.subarray(g * length, (g + 1) * length))

function putGroup(block: Uint8Array, at: number, group: Float32Array, fit: Fit): void {
  group.forEach((weight, i) => {
    block[at + (i % 16)]! |= code(weight, fit) << (i < 16 ? 0 : 4)
  })
}

/** Weights as blocks of Q4_1: groups of 32, each with a scale and a minimum. */
export function quantizeQ41(weights: Float32Array, ranges = triedRanges): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array((weights.length / 32) * 20)
  const data = new DataView(raw.buffer)
  groupsOf(weights, 32).forEach((group, g) => {
    const fit = fitGroup(group, ranges)
    data.setUint16(20 * g, encodeHalf(toHalf(fit.scale)), true)
    data.setUint16(20 * g + 2, encodeHalf(toHalf(fit.minimum)), true)
    putGroup(raw, 20 * g + 4, group, { scale: toHalf(fit.scale), minimum: toHalf(fit.minimum) })
  })
  return raw
}

/** Weights as blocks of Q4_K: eight groups of 32, whose scales and minima have six bits each and share two scales. */
export function quantizeQ4K(weights: Float32Array, ranges = triedRanges): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array((weights.length / 256) * 144)
  const data = new DataView(raw.buffer)
  groupsOf(weights, 256).forEach((block, b) => {
    const groups = groupsOf(block, 32)
    const fits = groups.map((group) => fitGroup(group, ranges))
    const d = toHalf(Math.max(...fits.map(({ scale }) => scale)) / 63)
    const dmin = toHalf(Math.max(...fits.map(({ minimum }) => -minimum)) / 63)
    const at = 144 * b
    data.setUint16(at, encodeHalf(d), true)
    data.setUint16(at + 2, encodeHalf(dmin), true)
    const sixBits = (value: number, unit: number) => (unit > 0 ? Math.min(63, round(value / unit)) : 0)
    fits.forEach(({ scale, minimum }, j) => {
      const s = sixBits(scale, d)
      const m = sixBits(-minimum, dmin)
      if (j < 4) {
        raw[at + 4 + j]! |= s
        raw[at + 8 + j]! |= m
      } else {
        raw[at + j]! |= (s >> 4) << 6
        raw[at + 4 + j]! |= (m >> 4) << 6
        raw[at + 8 + j]! |= (s & 15) | ((m & 15) << 4)
      }
      groups[j]!.forEach((weight, i) => {
        const place = at + 16 + 32 * (j >> 1) + i
        raw[place]! |= code(weight, { scale: d * s, minimum: -dmin * m }) << (4 * (j & 1))
      })
    })
  })
  return raw
}

/** Weights as blocks of Q8_0: groups of 32 whole numbers of at most 127, times one scale. */
export function quantizeQ80(weights: Float32Array): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array((weights.length / 32) * 34)
  const data = new DataView(raw.buffer)
  groupsOf(weights, 32).forEach((group, g) => {
    const scale = toHalf(Math.max(...group.map(Math.abs)) / 127)
    data.setUint16(34 * g, encodeHalf(scale), true)
    group.forEach((weight, i) => {
      const q = scale > 0 ? Math.max(-127, Math.min(127, round(weight / scale))) : 0
      data.setInt8(34 * g + 2 + i, q)
    })
  })
  return raw
}
