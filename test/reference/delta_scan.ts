import { sigmoid, softplus } from './gates'

export interface DeltaHead {
  /** Of each token: [key dim], of any length */
  readonly q: readonly ArrayLike<number>[]
  readonly k: readonly ArrayLike<number>[]
  /** Of each token: [value dim] */
  readonly v: readonly ArrayLike<number>[]
  readonly a: ArrayLike<number>
  readonly b: ArrayLike<number>
  readonly dtBias: number
  readonly aLog: number
}

function normalized(vector: ArrayLike<number>): Float64Array {
  const squares = Float64Array.from(vector, (value) => value * value)
  const length = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) + 1e-6)
  return Float64Array.from(vector, (value) => value / length)
}

/** One value head of the gated delta rule over a whole sequence, in doubles: y of each token, [value dim]. */
export function deltaScan({ q, k, v, a, b, dtBias, aLog }: DeltaHead): Float64Array[] {
  const [keyDim, valueDim] = [k[0]!.length, v[0]!.length]
  const state = Array.from({ length: keyDim }, () => new Float64Array(valueDim))
  return v.map((value, t) => {
    const [query, key] = [normalized(q[t]!), normalized(k[t]!)]
    const keep = Math.exp(-Math.exp(aLog) * softplus(a[t]! + dtBias))
    for (const row of state) for (let j = 0; j < valueDim; j++) row[j]! *= keep
    const known = new Float64Array(valueDim)
    state.forEach((row, i) => {
      for (let j = 0; j < valueDim; j++) known[j]! += key[i]! * row[j]!
    })
    const y = new Float64Array(valueDim)
    state.forEach((row, i) => {
      for (let j = 0; j < valueDim; j++) {
        row[j]! += key[i]! * sigmoid(b[t]!) * (value[j]! - known[j]!)
        y[j]! += (query[i]! / Math.sqrt(keyDim)) * row[j]!
      }
    })
    return y
  })
}
