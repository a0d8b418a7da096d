import { expect, it } from 'vitest'
import type { TensorInfo } from '../../../src/util/model-file'
import { blockTypes, dequantize } from '../../reference/dequantize'
import { openTestGpu } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { type Piece, type Uploaded, upload } from '../../support/gpu-upload'
import { fittingColumns, planesOf, randomBlocks, typeNames } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const random = new Random(20)

/** A file with a matrix of each type, put together from two tensors, and one norm of each float type. */
function makeFile(rows: readonly [number, number]) {
  const parts: Piece[] = []
  let end = 100
  const add = (name: string, type: string, dims: readonly number[]): TensorInfo => {
    const { bytes, weights } = blockTypes[type]!
    const raw = randomBlocks(random, type, dims.reduce((product, n) => product * n, 1) / weights)
    const offset = Math.ceil(end / 32) * 32
    parts.push([offset, raw])
    end = offset + raw.length
    expect(raw.length % bytes).toBe(0)
    return { name, type, dims, offset, bytes: raw.length }
  }
  const matrices = typeNames.map((type) => {
    // Columns that are no whole groups where the type allows it.
    const columns = fittingColumns(type, blockTypes[type]!.weights === 1 ? 36 : 96)
    return rows.map((count, i) => add(`${type} ${i}`, type, [columns, count]))
  })
  const norms = ['F32', 'F16', 'BF16'].map((type) => add(`norm ${type}`, type, [37]))
  const file = new Uint8Array(end + 50)
  for (const [offset, raw] of parts) file.set(raw, offset)
  return { file, matrices, norms }
}

/** The whole file in pieces of random lengths, in random order. */
function shuffledPieces(file: Uint8Array<ArrayBuffer>, longest: number): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < file.length; ) {
    const length = 1 + random.integer(longest)
    pieces.push([at, file.slice(at, at + length)])
    at += length
  }
  return random.permutation(pieces.length).map((i) => pieces[i]!)
}

function expectUploaded(
  label: string,
  { file, matrices, norms }: ReturnType<typeof makeFile>,
  got: Uploaded,
): void {
  matrices.forEach((tensors, m) => {
    const matrix = got.matrices[m]!
    const type = matrix.format.name
    const raw = Uint8Array.from(
      tensors.flatMap(({ offset, bytes }) => [...file.subarray(offset, offset + bytes)]),
    )
    const rowBytes = raw.length / matrix.rows
    matrix.shards.forEach(({ firstRow, rows }, s) => {
      const own = raw.slice(firstRow * rowBytes, (firstRow + rows) * rowBytes)
      expectSame(`${label}: ${type}, shard ${s}`, got.planes[m]![s]!, planesOf(type, own, matrix.columns))
    })
  })
  for (const { name, offset, bytes } of norms) {
    const values = dequantize(name.slice('norm '.length), file.slice(offset, offset + bytes)).values
    expectSame(`${label}: ${name}`, got.constants.get(name)!, values)
  }
}

it('lays a file out the same from one piece and from pieces that cut blocks, in any order', async () => {
  const made = makeFile([13, 8])
  const { file, matrices, norms } = made
  expectUploaded('one piece', made, await upload(gpu, matrices, norms, [[0, file]]))
  for (const longest of [40, 1000, 20000]) {
    const got = await upload(gpu, matrices, norms, shuffledPieces(file, longest))
    expectUploaded(`pieces of at most ${longest} bytes`, made, got)
  }
})

it('splits rows over buffers where a binding cannot hold the matrix, across the tensors’ borders', async () => {
  const made = makeFile([300, 340])
  const { file, matrices, norms } = made
  const got = await upload(gpu, matrices, norms, shuffledPieces(file, 60000), 8000)
  expect(got.matrices.map((matrix) => matrix.shards.map(({ rows }) => rows))).toEqual(
    typeNames.map(() => [256, 256, 128]),
  )
  expectUploaded('split by rows', made, got)
})

it('says which tensor is not whole when the file ends too early', async () => {
  const { file, matrices, norms } = makeFile([3, 4])
  const short = file.slice(0, norms[2]!.offset + 5)
  await expect(upload(gpu, matrices, norms, [[0, short]])).rejects.toThrow('norm BF16')
})
