import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { weightFormats } from '../../../src/kernels/formats'
import { grids, gridWeights } from '../../../src/kernels/weights/grids'

const report = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../golden/gguf-types/report.json'), 'utf8'),
) as { grids: Readonly<Record<string, string>> }

describe.each(Object.entries(grids))('the grid of %s', (type, { grid, table }) => {
  it('is ggml’s', () => {
    const name = type === 'IQ1_M' ? 'iq1_s' : type.toLowerCase()
    expect(createHash('sha256').update(gridWeights(grid)).digest('hex')).toBe(report.grids[name])
  })

  it('fills its plane at the end of each matrix, at most 8 KiB', () => {
    const planes = weightFormats.get(type)!.planes(64)
    const words = table().length
    expect(planes.table + words).toBe(planes.words)
    expect(4 * words).toBeLessThanOrEqual(8192)
  })
})
