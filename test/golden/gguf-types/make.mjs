// Takes the tensors of the types that the kernels read out of a folder of GGUF reference data (its README says how that
// was made): `node test/golden/gguf-types/make.mjs FOLDER`. Writes types.bin, raw tensors after x and X, and types.json.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'

const legacyAndK = ['q4_0', 'q4_1', 'q5_0', 'q5_1', 'q8_0', 'q4_k', 'q5_k', 'q6_k']
const names = ['f32', 'f16', 'bf16', ...legacyAndK, 'iq4_nl', 'iq4_xs', 'mxfp4', 'nvfp4']
const folder = process.argv[2]
const file = join(folder, 'types.gguf')
const { tensorInfos, tensorDataOffset } = await gguf(file, { allowLocalFile: true })
const bytes = readFileSync(file)
const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'))
const results = readSafetensors(join(folder, 'types.safetensors'))

const parts = []
let length = 0
function add(part) {
  const offset = length
  parts.push(part)
  length += part.length
  return { offset, bytes: part.length }
}

const index = { x: add(results.get('x').bytes), X: add(results.get('X').bytes), tensors: [] }
for (const info of tensorInfos) {
  const [type] = info.name.split('.')
  if (!names.includes(type)) continue
  const begin = Number(tensorDataOffset) + Number(info.offset)
  const entry = report.tensors[info.name]
  index.tensors.push({
    name: info.name,
    type: type.toUpperCase(),
    dims: info.shape.map(Number),
    ...add(bytes.subarray(begin, begin + entry.bytes)),
    sha256: entry.sha256_f32,
    y: results.get(`${info.name}.y`).doubles(),
    Y: results.get(`${info.name}.Y`).doubles(),
  })
}
const here = import.meta.dirname
writeFileSync(join(here, 'types.bin'), Buffer.concat(parts))
writeFileSync(join(here, 'types.json'), `${JSON.stringify(index)}\n`)

function readSafetensors(path) {
  const data = readFileSync(path)
  const headerBytes = Number(data.readBigUInt64LE(0))
  const header = JSON.parse(data.subarray(8, 8 + headerBytes).toString())
  return new Map(
    Object.entries(header).map(([name, { data_offsets: range }]) => {
      const [from, to] = (range ?? [0, 0]).map((offset) => 8 + headerBytes + offset)
      const part = data.subarray(from, to)
      return [name, { bytes: part, doubles: () => [...new Float64Array(Uint8Array.from(part).buffer)] }]
    }),
  )
}
