import { softplus } from './gates'

export interface SsmHead {
  /** Of each token: [head dim] */
  readonly x: readonly ArrayLike<number>[]
  /** Of each token: [state dim] */
  readonly b: readonly ArrayLike<number>[]
  readonly c: readonly ArrayLike<number>[]
  /** Of each token, before its bias. */
  readonly dt: ArrayLike<number>
  readonly dtBias: number
  readonly dtLimit: readonly [least: number, most: number]
  readonly aLog: number
  readonly d: number
}

/** One head of Mamba 2 over a whole sequence, in doubles: y of each token, [head dim]. */
export function ssmScan({ x, b, c, dt, dtBias, dtLimit, aLog, d }: SsmHead): Float64Array[] {
  const [headDim, stateDim] = [x[0]!.length, b[0]!.length]
  const state = Array.from({ length: headDim }, () => new Float64Array(stateDim))
  return x.map((input, t) => {
    const step = Math.min(dtLimit[1], Math.max(dtLimit[0], softplus(dt[t]! + dtBias)))
    const keep = Math.exp(-Math.exp(aLog) * step)
    return Float64Array.from(state, (row, p) => {
      let sum = d * input[p]!
      for (let n = 0; n < stateDim; n++) {
        row[n] = keep * row[n]! + step * input[p]! * b[t]![n]!
        sum += c[t]![n]! * row[n]!
      }
      return sum
    })
  })
}
