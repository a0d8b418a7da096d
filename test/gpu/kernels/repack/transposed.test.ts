import { describe, expect, it } from 'vitest'
import { embed } from '../../../../src/kernels/embed'
import { reads } from '../../../../src/kernels/weights/format'
import { transposedStorage } from '../../../../src/model/float-matrix'
import { createMatrix } from '../../../../src/model/matrix'
import { WeightUploader } from '../../../../src/model/upload'
import { openTestGpu, readBuffer, runKernel } from '../../../support/gpu'
import { expectSame } from '../../../support/gpu-compare'
import { Random } from '../../../support/gpu-random'
import { encodeFloats } from '../../../support/gpu-weights'

const gpu = await openTestGpu()
const [tables, rows] = [3, 40]

describe.each([
  ['F32', 'exact', 36, 36, 'F32'],
  ['F32', 'int4', 36, 36, 'F16'],
  ['F16', 'exact', 36, 36, 'F16'],
  ['BF16', 'int4', 36, 36, 'BF16'],
  ['F32', 'int4', 44, 60, 'F16'],
  ['BF16', 'exact', 36, 64, 'BF16'],
] as const)(
  'matrices of %s that lie the other way round, where floats become %s, with %i of %i columns',
  (type, floatWeights, columns, tableRows, target) => {
    it.each([1, 3])('have their weights in rows, in %s buffers', async (shards) => {
      const random = new Random(5)
      // Numbers that all types have.
      const values = Array.from({ length: tables * tableRows * rows }, () => (random.integer(255) - 127) / 64)
      const bytes = encodeFloats(type, values)
      const tensor = {
        name: 'tables',
        type,
        dims: [rows, tables * tableRows],
        offset: 3,
        bytes: bytes.length,
      }
      const { format, packing } = transposedStorage(tensor, [columns, rows], floatWeights, tableRows)
      expect(format.name).toBe(target)
      const limit = (4 * format.planes(tables * rows * 2).words) / shards + 256
      const narrow: typeof gpu = Object.create(gpu, {
        info: { value: { ...gpu.info, maxBindingBytes: shards === 1 ? 2 ** 27 : limit } },
      })
      const all = tables * rows
      const matrix = createMatrix(narrow, {
        name: 'tables',
        format,
        parts: [{ tensor, packing, firstRow: 0, rows: all }],
        columns,
        rows: all,
        expertRows: rows,
      })
      expect(matrix.shards.length).toBe(shards)
      const uploader = await WeightUploader.create(gpu, [matrix], [])
      for (let at = 0; at < bytes.length; at += 1001) {
        await uploader.write(3 + at, bytes.slice(at, at + 1001))
      }
      await uploader.finish()
      const got: number[] = []
      for (const { buffer, planes, rows: own } of matrix.shards) {
        const outputs = await runKernel(gpu, embed, {
          variant: { ...reads(format), constants: { workgroup_size: 32 } },
          inputs: {
            weights: new Uint32Array(await readBuffer(gpu, buffer, 4 * planes.words)),
            batch: Uint32Array.from({ length: own }, (_, row) => row),
            sampled: 1,
            y: own * 64,
          },
          params: {
            ids_at: 0,
            id_offset: 0,
            ids: 0,
            first_row: 0,
            rows: own,
            groups: matrix.groups,
            ...planes,
            scale: 1,
          },
          shape: { tokens: own, rowBytes: 0, hidden: 64 },
        })
        got.push(...outputs.floats('y'))
      }
      const expected = Array.from({ length: all * 64 }, (_, i) => {
        const [row, column] = [Math.floor(i / 64), i % 64]
        if (column >= columns) return 0
        const [table, inner] = [Math.floor(row / rows), row % rows]
        return values[(table * tableRows + column) * rows + inner]!
      })
      expectSame(`${type} ${target}`, got, expected)
    })
  },
)
