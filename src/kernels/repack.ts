import { type Grid, kernel, type ParamType, storage } from '../gpu/kernel'
import { planeNames, planeParams, type WeightFormat } from './weights/format'

/** Units that a dispatch lays out, and their bytes. */
interface RepackShape {
  readonly count: number
  readonly bytes: number
}

const bindings = {
  raw: storage('read', 'u32', ['words']),
  planes: storage('read_write', 'atomic<u32>', ['planes']),
} as const

/**
 * Lays raw units of a file out as the planes of shaders/weights/: `count` units from byte `source` of the staging buffer
 * are the tensor's units from `first` on; the tensor's unit 0 lies at unit `base`. A unit is a block, or a word for plain
 * types, whose rows of `row_words` are padded with zeros to `row_stride`.
 */
function toPlanes<const Own extends Record<string, ParamType>>(
  shader: string,
  lanesPerUnit: number,
  params: Own,
  conditions: readonly string[] = [],
) {
  return kernel({
    shader: `repack/${shader}`,
    bindings,
    params: {
      source: 'u32',
      first: 'u32',
      base: 'u32',
      count: 'u32',
      ...planeParams,
      row_words: 'u32',
      row_stride: 'u32',
      ...params,
    },
    constants: ['workgroup_size'],
    conditions,
    grid: ({ count }: RepackShape, { workgroup_size }) => lanes(count * lanesPerUnit, workgroup_size),
    bytes: ({ bytes }) => 2 * bytes,
  })
}

function lanes(count: number, workgroupSize: number): Grid {
  const groups = Math.ceil(count / workgroupSize)
  const columns = Math.min(groups, 32768)
  return [columns, Math.ceil(groups / columns), 1]
}

/** Units as they are, for all types; a unit consists of fields: see fieldParams. */
export const split = toPlanes('split', 1, {
  unit_bytes: 'u32',
  field_0: 'u32',
  field_1: 'u32',
  field_2: 'u32',
  field_3: 'u32',
  field_4: 'u32',
})
/** F32 to F16; a unit is two of them. */
export const narrow = toPlanes('narrow', 1, {})

const quantizing = ['wide', 'bfloat', 'bytes', 'supers']
/** Quantizes groups of 32 floats; a unit is a group. */
export const quantize = toPlanes('quantize', 1, {}, quantizing)
/** The same in blocks of eight groups; a unit is a block. */
export const quantizeBlocks = toPlanes('quantize', 8, {}, quantizing)

/**
 * Lays a tensor that is a table of codes out in one plane, see shaders/repack/codes.wgsl: `count` units from byte
 * `source` of the staging buffer are the tensor's units from `first` on. Rows of the matrix from `first_row` on, `rows`
 * of them, go to the shard's rows from `shard_row` on.
 */
export const repackCodes = kernel({
  shader: 'repack/codes',
  bindings,
  params: {
    source: 'u32',
    first: 'u32',
    count: 'u32',
    /** First word of the plane. */
    plane: 'u32',
    /** Units in a row of the table. */
    row_units: 'u32',
    /** Rows of each table, where there are several. */
    table_rows: 'u32',
    first_row: 'u32',
    rows: 'u32',
    shard_row: 'u32',
    /** Codes in a row of the plane. */
    row_stride: 'u32',
    /** Codes of a row that come out of the table; the table's other ones are left out. */
    row_codes: 'u32',
  },
  constants: ['workgroup_size'],
  conditions: ['down', 'transposed', 'stacked', 'awq', 'high_first', 'narrowed'],
  grid: ({ count }: RepackShape, { workgroup_size }) => lanes(count, workgroup_size),
  bytes: ({ bytes }) => 2 * bytes,
})

/**
 * The params that say to `split` what becomes of a unit. Of a field, from its lowest bits on: where it begins in the unit (8
 * bits), its bytes (8), the logarithms of its codes' bits (4) and of its rows' bytes (4, 0 for none), its plane's number (8).
 */
export function fieldParams({ unitBytes, fields }: WeightFormat): Record<string, number> {
  const params: Record<string, number> = { unit_bytes: unitBytes }
  let at = 0
  for (let i = 0; i < 5; i++) {
    const field = fields[i]
    params[`field_${i}`] = 0
    if (!field) continue
    const { plane, bytes, bits = 8, row = 1 } = field
    const code = Math.log2(bits) | (Math.log2(row) << 4) | (planeNames.indexOf(plane) << 8)
    params[`field_${i}`] = at | (bytes << 8) | (code << 16)
    at += bytes
  }
  return params
}
