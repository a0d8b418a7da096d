import type { Pipeline } from '../../gpu/pipeline'
import { resultWords } from '../../kernels/sample'
import { SamplingWriter } from '../sampling'
import { greedy } from '../step'
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

const [vocab, best] = [1000, 777]

/** Lets the sampler draw the best of some ids. */
export function trySampler(trials: Trials, pipelines: readonly Pipeline[]): readonly Trial[] {
  return pipelines
    .filter(({ kernel }) => kernel.shader === 'sample')
    .map((pipeline) => {
      const logits = Float32Array.from({ length: vocab }, (_, id) => (id === best ? 3 : ((7 * id) % 11) / 4))
      const batch = new Uint32Array(64)
      new SamplingWriter(batch, vocab).write(0, 32, greedy, 0, 0)
      const results = trials.buffer('results', resultWords)
      trials.run(
        pipeline,
        {
          logits: trials.buffer('logits', logits),
          batch: trials.buffer('batch', batch),
          results,
          sampled: trials.buffer('sampled', 4),
          counts: trials.buffer('counts', vocab),
        },
        { vocab, settings_at: 0, result_words: resultWords },
        { rows: 1, vocab },
      )
      const reading = trials.read(results, 4)
      // The id's bits, as the float that they would be.
      const value = new Float32Array(Uint32Array.of(best).buffer)[0]!
      return { pipeline, reading, from: 0, count: 1, name: 'sample', known: [{ at: 0, value }], tolerance: 0 }
    })
}
