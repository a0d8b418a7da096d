/** A switch must be worth it: times of one and the same variant differ by less than this on a machine at rest. */
const leastGain = 0.9
const leastRounds = 3

/**
 * Which of several was clearly the fastest: in its median and its best time at least a tenth faster than the first one, which is
 * kept otherwise. 0: none.
 *
 * @param times of each, measured by turns: [contenders][rounds]
 */
export function clearlyFastest(times: readonly (readonly number[])[]): number {
  const [own, ...others] = times
  if (!own || own.length < leastRounds) return 0
  let best = 0
  let bestMedian = leastGain * median(own)
  others.forEach((other, i) => {
    if (other.length < own.length) return
    const middle = median(other)
    if (middle >= bestMedian || Math.min(...other) >= leastGain * Math.min(...own)) return
    best = i + 1
    bestMedian = middle
  })
  return best
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
