/** The value of a half-precision number's 16 bits (IEEE 754 binary16). */
export function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The bits of the half-precision number nearest to a value below 65520 in magnitude, ties to even. */
export function encodeHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.max(magnitude, 2 ** -30))))
  const steps = roundToEven(magnitude * 2 ** (10 - exponent))
  // A carry out of the fraction runs into the exponent, which is what rounding up to the next binade means.
  return sign | (exponent === -14 && steps < 1024 ? steps : steps - 1024 + ((exponent + 15) << 10))
}

function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest === 0.5) return floor + (floor % 2)
  return rest < 0.5 ? floor : floor + 1
}
