import { describe, it } from 'vitest'
import { gatherRows } from '../../../src/kernels/embed'
import { gatherRows as reference } from '../../reference/gather_rows'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'gathering rows by %s lanes',
  (workgroup_size) => {
    it.each([1, 33, 576])('copies rows of %s values in the order asked for', async (width) => {
      const random = new Random(width)
      const x = random.normals(40 * width)
      for (const rows of [[0], [39, 3, 3, 0], random.permutation(40)]) {
        const outputs = await runKernel(gpu, gatherRows, {
          variant: { constants: { workgroup_size } },
          inputs: { batch: new Uint32Array([7, 7, ...rows]), x, y: rows.length * width },
          params: { rows_at: 2, width },
          shape: { rows: rows.length, width },
        })
        expectSame(`gather ${rows} of ${width}`, outputs.floats('y'), reference(x, width, rows))
      }
    })
  },
)
