// Takes a few rows of every tensor out of a folder of GGUF reference data (its README says how that was made):
// `node test/golden/gguf-types/make.mjs FOLDER`. Writes files of the same names and forms, less the dequantized values, for
// which SHA-256 stands in report.json.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'

/** All zero, huge, tiny, one outlier, and two as weights are. */
const keptRows = [0, 2, 3, 4, 6, 7]
const folder = process.argv[2]
const here = import.meta.dirname
const whole = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')).tensors
const report = { rows: keptRows, tensors: {}, grids: {} }
for (const stem of ['types', 'types-extra']) await makeSubset(stem)
for (const [name, { bytes }] of readSafetensors(join(folder, 'grids.safetensors'))) report.grids[name] = sha256(bytes)
writeFileSync(join(here, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)

async function makeSubset(stem) {
  const bytes = readFileSync(join(folder, `${stem}.gguf`))
  // The library refuses tensor types that it does not know; their names are only looked up.
  const { tensorInfos, tensorDataOffset } = await gguf(join(folder, `${stem}.gguf`), { allowLocalFile: true })
  const results = readSafetensors(join(folder, `${stem}.safetensors`))
  const kept = new Map([
    ['x', results.get('x')],
    ['X', results.get('X')],
  ])
  const tensors = []
  for (const { name, shape, dtype, offset } of tensorInfos) {
    const [columns, rows] = shape.map(Number)
    const begin = Number(tensorDataOffset) + Number(offset)
    const raw = bytes.subarray(begin, begin + whole[name].bytes)
    tensors.push({ name, dtype, columns, raw: rowsOf(raw, rows) })
    const values = new Float32Array(Uint8Array.from(rowsOf(results.get(name).bytes, rows)).buffer)
    // −0 as 0, as the reference data has it.
    report.tensors[name] = { sha256_f32: sha256(new Uint8Array(values.map((value) => value + 0).buffer)) }
    const y = results.get(`${name}.y`)
    kept.set(`${name}.y`, { dtype: y.dtype, shape: [keptRows.length], bytes: rowsOf(y.bytes, rows) })
    const Y = results.get(`${name}.Y`)
    const columnsKept = [0, 1, 2, 3, 4].map((t) => rowsOf(Y.bytes.subarray(8 * rows * t, 8 * rows * (t + 1)), rows))
    kept.set(`${name}.Y`, { dtype: Y.dtype, shape: [5, keptRows.length], bytes: Buffer.concat(columnsKept) })
  }
  writeFileSync(join(here, `${stem}.gguf`), ggufOf(tensors))
  writeFileSync(join(here, `${stem}.safetensors`), safetensorsOf(kept))
}

function rowsOf(bytes, rows) {
  const rowBytes = bytes.length / rows
  return Buffer.concat(keptRows.map((row) => bytes.subarray(row * rowBytes, (row + 1) * rowBytes)))
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}

/** GGUF version 3 with no more metadata than it must have. */
function ggufOf(tensors) {
  const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer)
  const u64 = (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
  const text = (value) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])
  const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)])
  const head = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(1)]
  head.push(text('general.architecture'), u32(8), text('octavo-test'))
  const data = []
  let offset = 0
  for (const { name, dtype, columns, raw } of tensors) {
    head.push(text(name), u32(2), u64(columns), u64(keptRows.length), u32(dtype), u64(offset))
    data.push(padded(raw))
    offset += data.at(-1).length
  }
  return Buffer.concat([padded(Buffer.concat(head)), ...data])
}

function safetensorsOf(entries) {
  const header = {}
  let offset = 0
  for (const [name, { dtype, shape, bytes }] of entries) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] }
    offset += bytes.length
  }
  const json = JSON.stringify(header)
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8))
  const length = Buffer.from(BigUint64Array.of(BigInt(text.length)).buffer)
  return Buffer.concat([length, text, ...[...entries.values()].map(({ bytes }) => bytes)])
}

function readSafetensors(path) {
  const data = readFileSync(path)
  const headerBytes = Number(data.readBigUInt64LE(0))
  const { __metadata__: _, ...header } = JSON.parse(data.subarray(8, 8 + headerBytes).toString())
  return new Map(
    Object.entries(header).map(([name, { dtype, shape, data_offsets: range }]) => {
      const [from, to] = range.map((offset) => 8 + headerBytes + offset)
      return [name, { dtype, shape, bytes: data.subarray(from, to) }]
    }),
  )
}
