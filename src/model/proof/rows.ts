import type { Pipeline } from '../../gpu/pipeline'
import { gatedBy, numbers, xielu } from './curves'
import { norms as answers } from './known-answers'
import { knownElements, normRows, normShape } from './norm-inputs'
import type { Trial } from './trial'
import type { Trials } from './trials'

const { width, tokens } = normShape
const [weight, bias, scale, before] = [1.5, 0.25, 0.5, 0.5]

/** Lets the pipelines of norms normalize rows that are known. */
export function tryNorms(trials: Trials, pipelines: readonly Pipeline[]): readonly Trial[] {
  return pipelines
    .filter(({ kernel }) => kernel.shader === 'norm')
    .map((pipeline) => {
      const { centered, weighted, biased, residual } = pipeline.variant.conditions ?? {}
      const y = trials.buffer('y', new Float32Array(tokens * width).fill(before))
      const constants = new Float32Array(2 * width).fill(weight, 0, width).fill(bias, width)
      trials.run(
        pipeline,
        { x: trials.buffer('x', normRows()), constants: trials.buffer('constants', constants), y },
        {
          width,
          x_stride: width,
          x_offset: 0,
          y_stride: width,
          y_offset: 0,
          weight_offset: 0,
          weight_stride: 0,
          bias_offset: width,
          eps: 0,
          scale,
        },
        { tokens, width },
      )
      const known = answers[centered ? 'centered' : 'plain'].map((normed, i) => {
        const value = normed * (weighted ? weight : 1) + (biased ? bias : 0)
        const at = (tokens - 1) * width + knownElements[i]!
        return { at, value: residual ? before + scale * value : value }
      })
      const reading = trials.read(y, 4 * tokens * width)
      const name = `norm ${JSON.stringify(pipeline.variant)}`
      return { pipeline, reading, from: 0, count: tokens * width, name, known, tolerance: 1e-4 }
    })
}

/** Lets the kernel that copies the rows whose logits are wanted copy two. */
export function tryGathering(trials: Trials, pipelines: readonly Pipeline[]): readonly Trial[] {
  return pipelines
    .filter(({ kernel }) => kernel.shader === 'gather_rows')
    .map((pipeline) => {
      const rows = [2, 0]
      const x = normRows()
      const y = trials.buffer('y', rows.length * width)
      trials.run(
        pipeline,
        { batch: trials.buffer('batch', Uint32Array.of(9, ...rows)), x: trials.buffer('x', x), y },
        { rows_at: 1, width },
        { rows: rows.length, width },
      )
      const known = rows.flatMap((row, i) =>
        knownElements.map((at) => ({ at: i * width + at, value: x[row * width + at]! })),
      )
      const count = rows.length * width
      const reading = trials.read(y, 4 * count)
      return { pipeline, reading, from: 0, count, name: 'gather_rows', known, tolerance: 0 }
    })
}

const gates = {
  width: 150,
  tokens: 2,
  part: 50,
  part_stride: 110,
  step: 2,
  x_offset: 3,
  x_stride: 330,
} as const

/** Lets the kernel that gates values do so, with gates that lie between others. */
export function tryGating(trials: Trials, pipelines: readonly Pipeline[]): readonly Trial[] {
  const { tokens, ...params } = gates
  const { width: gated, part, part_stride, step, x_offset, x_stride } = params
  const x = Float32Array.from({ length: tokens * x_stride }, (_, i) => (((5 * i) % 23) - 11) / 4)
  return pipelines
    .filter(({ kernel }) => kernel.shader === 'gated')
    .map((pipeline) => {
      const { activation } = pipeline.variant.constants
      const y = trials.buffer('y', new Float32Array(tokens * gated).fill(before))
      const constants = trials.buffer('constants', Float32Array.from(xielu))
      trials.run(
        pipeline,
        { x: trials.buffer('x', x), constants, y },
        { ...params, ...numbers, y_stride: gated, activation_at: 0 },
        { tokens, width: gated },
      )
      const values = Array.from({ length: tokens * gated }, (_, at) => {
        const i = at % gated
        const row = Math.floor(at / gated) * x_stride + x_offset
        const gate = x[row + Math.floor(i / part) * part_stride + (i % part) * step]!
        const up = pipeline.variant.conditions?.in_place ? before : x[row + gated + i]!
        return gatedBy(activation!, gate, up)
      })
      return trials.expects(pipeline, y, values)
    })
}
