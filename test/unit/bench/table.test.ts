import { expect, it } from 'vitest'
import type { PeerFigures } from '../../../bench/peers/rounds.ts'
import { markdown, medianTable, memoryTable, ratiosByRound, ratioTable } from '../../../bench/peers/table.ts'

function figures(name: string, rates: readonly number[], part: Partial<PeerFigures> = {}): PeerFigures {
  const lengths = new Map([[128, { prefillRates: [...rates], decodeRates: rates.map((rate) => rate / 10) }]])
  return { name, failure: null, coldMs: [2000], warmMs: [1000], lengths, memory: null, ...part }
}

it('shows medians by peer, and what there is none of as a dash', () => {
  const failed = figures('wllama', [], { failure: 'ABORT', coldMs: [], warmMs: [] })
  const table = medianTable([figures('octavo', [300, 100, 200]), failed], new Map([['octavo', '0.1.0']]))
  expect(table).toEqual([
    ['', 'version', 'prefill 128', 'decode after 128', 'cold start, ms', 'warm start, ms'],
    ['Octavo, exact', '0.1.0', '200', '20.00', '2000', '1000'],
    ['wllama', '', '–', '–', '–', '–'],
  ])
})

it('compares round with round, so that a slow minute of the machine meets both sides', () => {
  expect(ratiosByRound([30, 60, 90], [10, 10, 30])).toEqual([3, 6, 3])
  expect(ratiosByRound([30, 60], [10])).toEqual([3])
})

it('says how many times as fast the first peer is, of times to the first token too', () => {
  const other = figures('ort', [10, 10, 30], { coldMs: [6000], warmMs: [500] })
  const [headings, row] = ratioTable([figures('octavo', [30, 60, 90]), other])
  expect(headings![0]).toBe('Octavo, exact against')
  expect(row).toEqual([
    'ONNX Runtime Web',
    '3.00 × (3.00 – 6.00)',
    '3.00 × (3.00 – 6.00)',
    '3.00 × (3.00 – 3.00)',
    '0.50 × (0.50 – 0.50)',
  ])
})

it('shows memory in megabytes', () => {
  const memory = { heapBytes: 2.4e6, processBytes: 1e8, gpuProcessBytes: null, gpuBytes: 3e8 }
  expect(memoryTable([figures('octavo', [], { memory })])[1]).toEqual([
    'Octavo, exact',
    '2',
    '100',
    '–',
    '300',
  ])
})

it('pads columns', () => {
  expect(
    markdown([
      ['a', 'long'],
      ['bcde', 'f'],
    ]),
  ).toBe('| a    | long |\n| ---- | ---- |\n| bcde | f    |')
})
