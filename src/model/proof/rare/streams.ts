import type { Pipeline } from '../../../gpu/pipeline'
import type { Trial } from '../trial'
import type { Trials } from '../trials'
import { eighths } from './eighths'

const tokens = 2
/** Of rows; what lies between them stays zero. */
const [width, stride] = [150, 160]
const eps = 0.125
const main_stream = 1

type Rows = readonly Float32Array[]

/** Rows [count, width] of a buffer whose rows are `stride` apart. */
function rowsOf(x: Float32Array, count: number): Rows {
  return Array.from({ length: count }, (_, row) => x.subarray(row * stride, row * stride + width))
}

/** Each row's values, zeros between them. */
function apart(rows: readonly ArrayLike<number>[]): number[] {
  return rows.flatMap((row) => [...Array.from(row), ...Array<number>(stride - width).fill(0)])
}

function meanSquare(row: Float32Array): number {
  return row.reduce((sum, value) => sum + value * value, 0) / width
}

/** Where the constants have a norm's weights, the router, the coefficients and the scales, and what is there. */
function routerOf(streams: number) {
  const norm_at = 1
  const router_at = norm_at + width
  const coefs_at = router_at + streams * width
  const scale_at = coefs_at + streams ** 3
  const constants = eighths(scale_at + width, 7)
  const modalities = (x: Float32Array) => {
    const scale = 1 / Math.sqrt(meanSquare(x) + eps) / width
    return Array.from({ length: streams }, (_, m) => {
      const at = router_at + m * width
      const routed = x.reduce(
        (sum, value, i) => sum + value * constants[norm_at + i]! * constants[at + i]!,
        0,
      )
      return Math.tanh(routed * scale)
    })
  }
  const coefficient = (row: number, found: readonly number[]) =>
    found.reduce((sum, modality, m) => sum + constants[coefs_at + row * streams + m]! * modality, 0)
  const params = { width, stride, main_stream, coefs_at, norm_at, router_at, eps }
  return { constants, modalities, coefficient, params, scale_at }
}

/** Lets a layer's streams be predicted from those before it. */
export function tryPredicting(trials: Trials, pipeline: Pipeline): readonly Trial[] {
  const { streams } = pipeline.variant.constants as Record<'streams', number>
  const { constants, modalities, coefficient, params } = routerOf(streams)
  const x = eighths(tokens * streams * stride)
  const predicted = trials.buffer('predicted', tokens * streams * stride)
  const y = trials.buffer('y', tokens * stride)
  trials.run(
    pipeline,
    { x: trials.buffer('x', x), constants: trials.buffer('constants', constants), predicted, y },
    params,
    { tokens, streams, width },
  )
  const all = rowsOf(x, tokens * streams)
  const rows = all.map((own, at) => {
    const [first, j] = [at - (at % streams), at % streams]
    const found = modalities(all[first + main_stream]!)
    return Array.from(own, (value, i) => {
      let sum = value
      for (let k = 0; k < streams; k++) sum += coefficient(j * streams + k, found) * all[first + k]![i]!
      return sum
    })
  })
  return [
    trials.expects(pipeline, predicted, apart(rows), { what: 'predictions' }),
    trials.expects(pipeline, y, apart(rows.filter((_, at) => at % streams === main_stream))),
  ]
}

/** Lets predictions be corrected by what a layer has made of one. */
export function tryCorrecting(trials: Trials, pipeline: Pipeline): readonly Trial[] {
  const { streams } = pipeline.variant.constants as Record<'streams', number>
  const { constants, modalities, coefficient, params, scale_at } = routerOf(streams)
  const x = eighths(tokens * stride, 3)
  const predicted = eighths(tokens * streams * stride)
  const corrected = trials.buffer('corrected', tokens * streams * stride)
  const y = trials.buffer('y', tokens * stride)
  trials.run(
    pipeline,
    {
      x: trials.buffer('x', x),
      constants: trials.buffer('constants', constants),
      predicted: trials.buffer('predicted', predicted),
      corrected,
      y,
    },
    { ...params, scale_at },
    { tokens, streams, width },
  )
  const all = rowsOf(predicted, tokens * streams)
  const made = rowsOf(x, tokens)
  const rows = all.map((own, at) => {
    const token = Math.floor(at / streams)
    const change = 1 + coefficient(at % streams, modalities(made[token]!))
    return Array.from(
      own,
      (value, i) => value + change * (made[token]![i]! - all[token * streams + main_stream]![i]!),
    )
  })
  const scales = pipeline.variant.conditions?.output_scaled ? constants : null
  const ofMain = rows
    .filter((_, at) => at % streams === main_stream)
    .map((row) => row.map((value, i) => value * (scales ? scales[scale_at + i]! : 1)))
  return [
    trials.expects(pipeline, corrected, apart(rows), { what: 'corrected' }),
    trials.expects(pipeline, y, apart(ofMain)),
  ]
}

/** Lets rows take the magnitude of another; the last one's is below the floor. */
export function tryMatching(trials: Trials, pipeline: Pipeline): Trial {
  const { streams } = pipeline.variant.constants as Record<'streams', number>
  const floor = 0.25
  const x = eighths(tokens * stride, 3)
  const projected = eighths(tokens * streams * stride).map(
    (value, i) => value * (Math.floor(i / stride) % streams === streams - 1 ? 0.5 : 2),
  )
  const { averaged } = pipeline.variant.conditions ?? {}
  const y = trials.buffer('y', tokens * (averaged ? 1 : streams) * stride)
  trials.run(
    pipeline,
    { x: trials.buffer('x', x), projected: trials.buffer('projected', projected), y },
    { width, stride, x_stride: stride, floor },
    { tokens, streams, width },
  )
  const made = rowsOf(x, tokens)
  const rows = rowsOf(projected, tokens * streams).map((row, at) => {
    const own = made[Math.floor(at / streams)]!
    if (at % streams === 0) return own
    const factor = Math.sqrt(meanSquare(own) / Math.max(meanSquare(row), floor))
    return row.map((value) => value * factor)
  })
  const means = made.map((_, token) =>
    Array.from({ length: width }, (_, i) => {
      const ofToken = rows.slice(token * streams, (token + 1) * streams)
      return ofToken.reduce((sum, row) => sum + row[i]!, 0) / streams
    }),
  )
  return trials.expects(pipeline, y, apart(averaged ? means : rows))
}

/** Lets values of a row be cut off that are not far enough above its mean. */
export function tryCutoff(trials: Trials, pipeline: Pipeline): Trial {
  const deviations = 0.75
  const before = eighths(tokens * stride).map((value) => 1 + value)
  const y = trials.buffer('y', before)
  trials.run(pipeline, { y }, { width, stride, deviations }, { tokens, width })
  const values = [...before]
  rowsOf(before, tokens).forEach((row, token) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / width
    const deviation = Math.sqrt(meanSquare(row.map((value) => value - mean)))
    row.forEach((value, i) => {
      values[token * stride + i] = Math.max(value - mean - deviations * deviation, 0)
    })
  })
  return trials.expects(pipeline, y, values)
}

/** Lets rows be scaled, by a number or a constant, and others added before. */
export function tryRescaling(trials: Trials, pipeline: Pipeline): Trial {
  const { added, learned } = pipeline.variant.conditions ?? {}
  const [scale, ofLayer, scale_at] = [1.5, 0.75, 2]
  const [before, x] = [eighths(tokens * stride), eighths(tokens * stride, 3)]
  const y = trials.buffer('y', before)
  trials.run(
    pipeline,
    { x: trials.buffer('x', x), constants: trials.buffer('constants', Float32Array.of(5, 6, ofLayer, 7)), y },
    { width, stride, scale, scale_at },
    { tokens, width },
  )
  const values = before.map((value, i) => {
    if (i % stride >= width) return value
    return (learned ? ofLayer : scale) * (value + (added ? x[i]! : 0))
  })
  return trials.expects(pipeline, y, values)
}
