import { describe, expect, it } from 'vitest'
import { PlanRecorder } from '../../../src/gpu/pipeline'
import { createHeadRoutes } from '../../../src/model/head-routes'
import { createMatrix } from '../../../src/model/matrix'
import { PlanBuilder } from '../../../src/model/plan'
import { sameGrids } from '../../../src/model/same-grids'
import type { Variants } from '../../../src/model/variants'
import { matvec } from '../../reference/matvec'
import { openTestGpu, readBuffer, testVariants } from '../../support/gpu'
import { expectClose, expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { formatOf, randomMatrix } from '../../support/gpu-weights'

const gpu = await openTestGpu()

/** Rows and columns of a head's matrix; its part of a row of x is `step` after that of the head before, from `first` on. */
const shapes = [
  { heads: 3, rows: 20, columns: 32, type: 'F16', first: 4, step: 36, behind: 12 },
  { heads: 5, rows: 8, columns: 24, type: 'F32', first: 0, step: 24, behind: 0 },
] as const
const most = 24

describe.each(shapes)('$heads heads with matrices [$rows, $columns] of $type', (shape) => {
  const { heads, rows, columns, type, first, step, behind } = shape
  const random = new Random(heads)
  const matrix = randomMatrix(random, type, heads * rows, columns)
  const width = first + heads * step + behind
  const x = random.normals(most * width)

  async function run(variants: Variants, from: number, tokens: number): Promise<Float32Array<ArrayBuffer>> {
    const filled = (values: Float32Array<ArrayBuffer>) => {
      const buffer = gpu.storage('x', 4 * most * width)
      gpu.device.queue.writeBuffer(buffer, 0, values)
      return buffer
    }
    const own = createMatrix(gpu, {
      name: type,
      format: formatOf(type),
      parts: [],
      columns,
      rows: matrix.rows,
    })
    gpu.device.queue.writeBuffer(own.shards[0]!.buffer, 0, matrix.words)
    const y = gpu.storage('y', 4 * most * heads * rows)
    const plan = new PlanBuilder(gpu, variants, 'on')
    plan.multiplyExperts(own, {
      x: filled(x.slice(from * width, (from + tokens) * width)),
      xStride: width,
      xOffset: first,
      xStep: step,
      y,
      yStride: rows,
      routes: createHeadRoutes(gpu, heads, most),
      xRows: 'tokens',
      tokens: (batch) => batch.tokens,
    })
    const encoder = gpu.device.createCommandEncoder()
    const none = { tiles: 0, tokens: 0, maxContext: 0, contextTokens: 0 }
    const quiet = {
      sequences: 0,
      logitRows: 0,
      sampleRows: 0,
      chunks: 0,
      adjusts: false,
      wantsLogprobs: false,
    }
    const batch = { ...quiet, tokens, decode: none, prefill: none }
    new PlanRecorder(await plan.build(), sameGrids).record(encoder, batch)
    gpu.device.queue.submit([encoder.finish()])
    return new Float32Array(await readBuffer(gpu, y, 4 * tokens * heads * rows))
  }

  it.each(testVariants(gpu).map((variants) => [variants.name, variants] as const))(
    'multiply each its part of a row, with the same bits whatever other tokens there are: %s',
    async (name, variants) => {
      const all = await run(variants, 0, most)
      const expected = new Float64Array(all.length)
      const size = rows * columns
      for (let token = 0; token < most; token++) {
        for (let head = 0; head < heads; head++) {
          const own = {
            values: matrix.values.subarray(head * size, (head + 1) * size),
            magnitudes: matrix.magnitudes.subarray(head * size, (head + 1) * size),
          }
          const at = token * width + first + head * step
          expected.set(matvec(own, rows, x.subarray(at, at + columns)).y, (token * heads + head) * rows)
        }
      }
      const norm = Math.hypot(...expected) / Math.sqrt(expected.length)
      expect(norm).toBeGreaterThan(0)
      expectClose(name, all, expected, () => 1e-5 * norm)
      for (const [from, tokens] of [
        [3, 1],
        [5, 3],
        [9, 7],
      ] as const) {
        const own = all.subarray(from * heads * rows, (from + tokens) * heads * rows)
        expectSame(`${name} tokens ${from} + ${tokens}`, await run(variants, from, tokens), own)
      }
    },
  )
})
