import { describe, expect, it } from 'vitest'
import { embed } from '../../../src/kernels/embed'
import { reads } from '../../../src/kernels/weights/format'
import { createMatrix } from '../../../src/model/matrix'
import { type ExpertHalf, TensorFinder } from '../../../src/model/tensor-finder'
import { WeightUploader } from '../../../src/model/upload'
import type { ModelHeader, TensorInfo } from '../../../src/util/model-file'
import { openTestGpu, readBuffer, runKernel } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { encodeFloats } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const [experts, inner, columns] = [3, 6, 32]
const rows = 2 * inner

/** What row `row` of an expert's matrix, gate over up, has in column `column`: a number that f32 has. */
const weight = (expert: number, row: number, column: number) => expert * 10000 + row * 100 + column

type Layout = readonly [name: string, shape: readonly number[], value: (index: readonly number[]) => number]

/** How files hold the same stack. */
const layouts: readonly (readonly [string, readonly Layout[], readonly ExpertHalf[]])[] = [
  [
    'one tensor of gate over up',
    [['both', [experts, rows, columns], ([e, r, c]) => weight(e!, r!, c!)]],
    [{ stem: 'both', rows }],
  ],
  [
    'one tensor of gates and one of ups',
    [
      ['gate.weight', [experts, inner, columns], ([e, r, c]) => weight(e!, r!, c!)],
      ['up.weight', [experts, inner, columns], ([e, r, c]) => weight(e!, inner + r!, c!)],
    ],
    ['gate', 'up'].map((stem) => ({ stem, rows: inner })),
  ],
  [
    'two tensors for each expert',
    [0, 1, 2].flatMap((e): Layout[] => [
      [`${e}.up.weight`, [inner, columns], ([r, c]) => weight(e, inner + r!, c!)],
      [`${e}.gate.weight`, [inner, columns], ([r, c]) => weight(e, r!, c!)],
    ]),
    ['gate', 'up'].map((half) => ({ stem: (e: number) => `${e}.${half}`, rows: inner })),
  ],
  [
    'one tensor the other way round',
    [['both', [experts, columns, rows], ([e, c, r]) => weight(e!, r!, c!)]],
    [{ stem: 'both', rows, transposed: true }],
  ],
]

function fileOf(layout: readonly Layout[]): { header: ModelHeader; bytes: Uint8Array<ArrayBuffer> } {
  const tensors: TensorInfo[] = []
  const parts: number[] = []
  for (const [name, shape, value] of layout) {
    const count = shape.reduce((product, length) => product * length, 1)
    const dims = [...shape].reverse()
    tensors.push({ name, type: 'F32', dims, offset: 4 * parts.length, bytes: 4 * count })
    for (let i = 0; i < count; i++) {
      let rest = i
      const index = dims.map((length) => {
        const at = rest % length
        rest = Math.floor(rest / length)
        return at
      })
      parts.push(value(index.reverse()))
    }
  }
  const bytes = encodeFloats('F32', parts)
  return { header: { kind: 'gguf', metadata: new Map(), tensors, fileBytes: bytes.length }, bytes }
}

describe.each(layouts)('experts in %s', (_, layout, halves) => {
  it.each([1, 3])('lie in one stack, in %s buffers', async (shards) => {
    const { header, bytes } = fileOf(layout)
    const find = new TensorFinder(header, 'exact', null)
    const [source, ...others] = find.stack('experts', experts, halves, columns)
    expect(others).toEqual([])
    find.refuseUnused('test')
    const limit = 4 * source!.format.planes(rows).words + 16
    const info = { ...gpu.info, maxBindingBytes: shards === 1 ? 2 ** 27 : limit }
    const matrix = createMatrix(Object.create(gpu, { info: { value: info } }), source!)
    expect(matrix.shards.length).toBe(shards)
    const uploader = await WeightUploader.create(gpu, [matrix], [])
    const random = new Random(2)
    for (let at = 0; at < bytes.length; ) {
      const to = at + 1 + random.integer(3000)
      await uploader.write(at, bytes.slice(at, to))
      at = to
    }
    await uploader.finish()
    const got: number[] = []
    for (const { buffer, planes, rows: own } of matrix.shards) {
      const outputs = await runKernel(gpu, embed, {
        variant: { ...reads(matrix.format), constants: { workgroup_size: 32 } },
        inputs: {
          weights: new Uint32Array(await readBuffer(gpu, buffer, 4 * planes.words)),
          batch: Uint32Array.from({ length: own }, (_, row) => row),
          sampled: 1,
          y: own * columns,
        },
        params: { ids_at: 0, id_offset: 0, ids: 0, first_row: 0, rows: own, groups: 1, ...planes, scale: 1 },
        shape: { tokens: own, rowBytes: 0, hidden: columns },
      })
      got.push(...outputs.floats('y'))
    }
    const expected = Array.from({ length: experts * rows * columns }, (_, i) => {
      const row = Math.floor(i / columns)
      return weight(Math.floor(row / rows), row % rows, i % columns)
    })
    expectSame('stack', got, expected)
  })
})

it('experts whose tensors are stored in several types are refused by name', () => {
  const tensors = [0, 1, 2].map((e) => ({
    name: `${e}.down.weight`,
    type: e === 1 ? 'F16' : 'F32',
    dims: [32, 4],
    offset: 0,
    bytes: 512,
  }))
  const header: ModelHeader = { kind: 'gguf', metadata: new Map(), tensors, fileBytes: 0 }
  const find = new TensorFinder(header, 'exact', null)
  expect(() => find.stack('down', 3, [{ stem: (e) => `${e}.down`, rows: 4 }], 32)).toThrow("'0.down'")
})
