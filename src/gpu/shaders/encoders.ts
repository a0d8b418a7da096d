import type { ShaderFiles } from '../shader-files'

export const files: ShaderFiles = import.meta.glob(['../../../shaders/pool.wgsl'], {
  query: '?raw',
  import: 'default',
  eager: true,
})
