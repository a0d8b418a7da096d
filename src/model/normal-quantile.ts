/** The x with Φ(x) = p of the standard normal distribution, by Newton's method from 0. */
export function normalQuantile(p: number): number {
  let x = 0
  for (let step = 1, i = 0; Math.abs(step) > 1e-12 && i < 100; i++) {
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
    step = (p - 0.5 - density * distance(x)) / density
    x += step
  }
  return x
}

/** (Φ(x) − ½) / φ(x) = x + x³ / 3 + x⁵ / (3 · 5) + …   (Marsaglia 2004, J. Stat. Software 11/4) */
function distance(x: number): number {
  let [sum, term] = [x, x]
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k
    sum += term
  }
  return sum
}
