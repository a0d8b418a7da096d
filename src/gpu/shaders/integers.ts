import type { ShaderFiles } from '../shader-files'

export const files: ShaderFiles = import.meta.glob(
  ['../../../shaders/{int8_*,half_rows}.wgsl', '../../../shaders/lib/{int8_activations,integers}.wgsl'],
  {
    query: '?raw',
    import: 'default',
    eager: true,
  },
)
