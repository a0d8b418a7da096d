/** Half the distance from 1 to the next f32: the relative error of one rounding. */
export const unit = 2 ** -24

/** The relative error of n roundings one after another (Higham 2002, lemma 3.1). */
export function gamma(n: number): number {
  return (n * unit) / (1 - n * unit)
}

/** @throws where a value differs by more than its tolerance, naming the first one and how many there are. */
export function expectClose(
  label: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: (index: number) => number,
): void {
  // Written so that NaN fails.
  differences(label, got, expected, (i) => Math.abs(got[i]! - expected[i]!) <= tolerance(i), tolerance)
}

/** @throws where a value is another; −0 and 0 are one value, NaN equals nothing. */
export function expectSame(label: string, got: ArrayLike<number>, expected: ArrayLike<number>): void {
  differences(
    label,
    got,
    expected,
    (i) => got[i] === expected[i],
    () => 0,
  )
}

function differences(
  label: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  agrees: (index: number) => boolean,
  tolerance: (index: number) => number,
): void {
  if (got.length !== expected.length) {
    throw new Error(`${label}: got ${got.length} values, expected ${expected.length}`)
  }
  let first: number | null = null
  let count = 0
  for (let i = 0; i < got.length; i++) {
    if (agrees(i)) continue
    first ??= i
    count += 1
  }
  if (first === null) return
  throw new Error(
    `${label}: index ${first}: got ${got[first]}, expected ${expected[first]} ± ${tolerance(first)} (${count} of ${got.length} differ)`,
  )
}
