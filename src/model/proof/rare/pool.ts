import type { Pipeline } from '../../../gpu/pipeline'
import type { poolings } from '../../../kernels/pool'
import type { Trial } from '../trial'
import type { Trials } from '../trials'
import { eighths } from './eighths'

/** In the kernel's order. */
const kinds: typeof poolings = ['mean', 'cls', 'last', 'max', 'weighted-mean', 'mean-sqrt']

/** Lets the rows of two sequences, of three tokens and of one, become one each. */
export function tryPooling(trials: Trials, pipeline: Pipeline): Trial {
  const [width, stride, y_stride] = [150, 160, 170]
  const sequences = [
    [1, 3],
    [0, 1],
  ] as const
  const x = eighths(4 * stride)
  const y = trials.buffer('y', 2 * y_stride)
  trials.run(
    pipeline,
    {
      x: trials.buffer('x', x),
      batch: trials.buffer('batch', Uint32Array.from([9, ...sequences.flat()])),
      y,
    },
    { sequences_at: 1, width, stride, y_stride },
    { sequences: 2, tokens: 4, width },
  )
  const pooling = kinds[pipeline.variant.constants.pooling!]!
  const values = sequences.flatMap(([first, count]) => {
    const row = Array.from({ length: width }, (_, i) =>
      pooled(
        pooling,
        Array.from({ length: count }, (_, token) => x[(first + token) * stride + i]!),
      ),
    )
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))
    const scaled = row.map((value) => (pipeline.variant.conditions?.normalized ? value / length : value))
    return [...scaled, ...Array<number>(y_stride - width).fill(0)]
  })
  return trials.expects(pipeline, y, values)
}

/** A column's values of a sequence, as one. */
function pooled(pooling: (typeof poolings)[number], column: readonly number[]): number {
  const count = column.length
  const sum = column.reduce((total, value) => total + value, 0)
  switch (pooling) {
    case 'cls':
      return column[0]!
    case 'last':
      return column.at(-1)!
    case 'max':
      return Math.max(...column)
    case 'mean':
      return sum / count
    case 'mean-sqrt':
      return sum / Math.sqrt(count)
    case 'weighted-mean':
      return column.reduce((total, value, i) => total + (i + 1) * value, 0) / ((count * (count + 1)) / 2)
  }
}
