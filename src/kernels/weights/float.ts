import { groupWeights, planesOf, type WeightFormat } from './format'

function plain(name: string, module: string, wordsPerGroup: number): WeightFormat {
  return {
    name,
    module,
    unitBytes: 4,
    unitWeights: groupWeights / wordsPerGroup,
    fields: [{ plane: 'quants', bytes: 4 }],
    planes: (groups) => planesOf(groups * wordsPerGroup, []),
  }
}

export const floatFormats: readonly WeightFormat[] = [
  plain('F32', 'f32', 32),
  plain('F16', 'f16', 16),
  plain('BF16', 'bf16', 16),
]
