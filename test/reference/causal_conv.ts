/** y[t, c] = Σ weight[c, i] · x[t − taps + 1 + i, c] + bias[c], in doubles; zeros before the first token. */
export function causalConv(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | null,
  channels: number,
  taps: number,
): Float64Array {
  return Float64Array.from({ length: x.length }, (_, at) => {
    const [token, channel] = [Math.floor(at / channels), at % channels]
    let sum = bias?.[channel] ?? 0
    for (let i = 0; i < taps; i++) {
      const from = token - taps + 1 + i
      if (from >= 0) sum += weight[channel * taps + i]! * x[from * channels + channel]!
    }
    return sum
  })
}
