import type { ShaderFiles } from '../shader-files'

export const files: ShaderFiles = import.meta.glob(
  [
    '../../../shaders/route.wgsl',
    '../../../shaders/tile_experts.wgsl',
    '../../../shaders/combine_experts.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
)
