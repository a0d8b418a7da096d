import type { ShaderFiles } from '../shader-files'

export const files: ShaderFiles = import.meta.glob(
  [
    '../../../shaders/weights/affine.wgsl',
    '../../../shaders/repack/codes.wgsl',
    '../../../shaders/repack/quantize.wgsl',
    '../../../shaders/repack/narrow.wgsl',
    '../../../shaders/lib/floats.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
)
