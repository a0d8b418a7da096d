import { expect, it } from 'vitest'
import { weightFormats } from '../../../src/kernels/formats'
import { groupWeights } from '../../../src/kernels/weights/format'

it.each([...weightFormats.values()])(
  'a $name matrix takes the bytes on the GPU that it takes in the file',
  (format) => {
    const weights = 4096 * 4096
    const fileBytes = (weights / format.unitWeights) * format.unitBytes
    const gpuBytes = 4 * format.planes(weights / groupWeights).words
    expect(gpuBytes).toBeGreaterThanOrEqual(fileBytes)
    expect(gpuBytes).toBeLessThan(1.03 * fileBytes)
  },
)
