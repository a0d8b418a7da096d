import type { ShaderFiles } from '../shader-files'

export const files: ShaderFiles = import.meta.glob(
  [
    '../../../shaders/alt_up_predict.wgsl',
    '../../../shaders/alt_up_correct.wgsl',
    '../../../shaders/match_magnitude.wgsl',
    '../../../shaders/cutoff.wgsl',
    '../../../shaders/rescale.wgsl',
    '../../../shaders/lib/modalities.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
)
