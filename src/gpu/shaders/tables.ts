import type { ShaderFiles } from '../shader-files'

export const files: ShaderFiles = import.meta.glob(
  [
    '../../../shaders/weights/iq1.wgsl',
    '../../../shaders/weights/iq2.wgsl',
    '../../../shaders/weights/iq4.wgsl',
    '../../../shaders/weights/q2_0.wgsl',
    '../../../shaders/weights/tq1_0.wgsl',
    '../../../shaders/lib/code_tables.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
)
