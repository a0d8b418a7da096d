import type { ShaderFiles } from '../shader-files'

export const files: ShaderFiles = import.meta.glob(
  [
    '../../../shaders/ssm_scan.wgsl',
    '../../../shaders/delta_scan.wgsl',
    '../../../shaders/causal_conv.wgsl',
    '../../../shaders/gated_norm.wgsl',
    '../../../shaders/lib/chunks.wgsl',
    '../../../shaders/lib/gates.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
)
