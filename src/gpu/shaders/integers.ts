import type { ShaderFiles } from '../shader-files'

export const files: ShaderFiles = import.meta.glob(
  [
    '../../../shaders/**/int8_*.wgsl',
    '../../../shaders/half_rows.wgsl',
    '../../../shaders/lib/integers.wgsl',
  ],
  {
    query: '?raw',
    import: 'default',
    eager: true,
  },
)
