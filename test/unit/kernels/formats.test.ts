import { describe, expect, it } from 'vitest'
import { weightFormats } from '../../../src/kernels/formats'
import { groupWeights } from '../../../src/kernels/weights/format'
import { ggmlTypes } from '../../../src/weights/ggml-types'

const formats = [...weightFormats.values()]

it.each(formats)('a $name matrix takes the bytes on the GPU that it takes in the file', (format) => {
  const weights = 4096 * 4096
  const fileBytes = (weights / format.unitWeights) * format.unitBytes
  const gpuBytes = 4 * format.planes(weights / groupWeights).words
  expect(gpuBytes).toBeGreaterThanOrEqual(fileBytes)
  expect(gpuBytes).toBeLessThan(1.003 * fileBytes)
})

describe('the fields of a block', () => {
  it.each(formats)('of $name are what ggml’s block has', ({ name, unitBytes, unitWeights, fields }) => {
    const type = [...ggmlTypes.values()].find((each) => each.name === name)!
    expect(unitBytes / unitWeights).toBe(type.bytes / type.weights)
    expect(fields.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(unitBytes)
  })

  it.each(formats)('of $name fit the repack kernel’s params', ({ fields, unitBytes }) => {
    expect(fields.length).toBeLessThanOrEqual(5)
    expect(unitBytes).toBeLessThan(256)
    for (const { bytes } of fields) expect(bytes < 3 || bytes % 4 === 0).toBe(true)
  })
})
