import { kernel, storage } from '../gpu/kernel'
import { planeParams } from './weights/format'

/**
 * Lays raw blocks of a file out as the planes of shaders/weights/: `count` units from byte `source` of the staging
 * buffer are the tensor's units from `first` on; the tensor's unit 0 lies at unit `base`. A unit is a block, or a word
 * for plain types, whose rows of `row_words` are padded with zeros to `row_stride`.
 */
function repack(shader: string, lanesPerUnit: number) {
  return kernel({
    shader: `repack/${shader}`,
    bindings: {
      raw: storage('read', 'u32', ['words']),
      planes: storage('read_write', 'atomic<u32>', ['planes']),
    },
    params: {
      source: 'u32',
      first: 'u32',
      base: 'u32',
      count: 'u32',
      ...planeParams,
      row_words: 'u32',
      row_stride: 'u32',
    },
    constants: ['workgroup_size'],
    conditions: ['minimum', 'fifth', 'wide', 'bfloat', 'bytes', 'supers', 'narrow'],
    grid: ({ count }: { count: number; bytes: number }, { workgroup_size }) => {
      const groups = Math.ceil((count * lanesPerUnit) / workgroup_size)
      const columns = Math.min(groups, 32768)
      return [columns, Math.ceil(groups / columns), 1]
    },
    bytes: ({ bytes }) => 2 * bytes,
  })
}

export const repackQ4 = repack('q4', 1)
export const repackQ8 = repack('q8_0', 1)
export const repackQ4K = repack('q4_k', 8)
export const repackQ6K = repack('q6_k', 8)
export const repackIq4Xs = repack('iq4_xs', 8)
export const repackMxfp4 = repack('mxfp4', 1)
export const repackNvfp4 = repack('nvfp4', 2)
export const repackPlain = repack('plain', 1)
/** Quantizes groups of 32 floats; a unit is a group. */
export const quantize = repack('quantize', 1)
/** The same in blocks of eight groups; a unit is a block. */
export const quantizeBlocks = repack('quantize', 8)
