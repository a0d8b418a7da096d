import { median } from '../median.ts'
import { type PeerName, peerFacts } from './peer.ts'
import type { PeerFigures } from './rounds.ts'

/** Rows of cells, the first one headings. */
export type Table = readonly (readonly string[])[]

/** What is measured once a round, by its heading; null where there is no figure. */
type Measures = ReadonlyMap<string, readonly number[]>

/** The medians of all peers: tokens per second, milliseconds to the first token from a start, memory. */
export function medianTable(all: readonly PeerFigures[], versions: ReadonlyMap<string, string>): Table {
  const headings = [...measuresOf(all[0]!).keys()]
  return [
    ['', 'version', ...headings],
    ...all.map((figures) => {
      const measures = measuresOf(figures)
      return [
        titleOf(figures),
        versions.get(figures.name) ?? '',
        ...headings.map((heading) => shown(measures.get(heading)!)),
      ]
    }),
  ]
}

/**
 * How many times as fast as each other peer the first one is: the median of the ratios of each round, and between
 * which they lie. Milliseconds are turned around, so that more is always better for the first.
 */
export function ratioTable(all: readonly PeerFigures[]): Table {
  const [first, ...others] = all
  const measures = measuresOf(first!)
  const headings = [...measures.keys()]
  return [
    [`${titleOf(first!)} against`, ...headings],
    ...others.map((figures) => {
      const theirs = measuresOf(figures)
      return [
        titleOf(figures),
        ...headings.map((heading) => {
          const ratios = ratiosByRound(measures.get(heading)!, theirs.get(heading)!)
          if (ratios.length === 0) return '–'
          const turned = heading.endsWith(', ms') ? ratios.map((ratio) => 1 / ratio) : ratios
          const least = Math.min(...turned).toFixed(2)
          const greatest = Math.max(...turned).toFixed(2)
          return `${median(turned).toFixed(2)} × (${least} – ${greatest})`
        }),
      ]
    }),
  ]
}

/** Only rounds that both have count. */
export function ratiosByRound(ours: readonly number[], theirs: readonly number[]): number[] {
  const rounds = Math.min(ours.length, theirs.length)
  return Array.from({ length: rounds }, (_, round) => ours[round]! / theirs[round]!)
}

/** What each peer holds at the end, in MB. */
export function memoryTable(all: readonly PeerFigures[]): Table {
  const megabytes = (bytes: number | null | undefined) =>
    bytes === null || bytes === undefined ? '–' : (bytes / 1e6).toFixed(0)
  return [
    ['', 'JavaScript heap', 'its process', 'GPU process', 'GPU buffers, own count'],
    ...all.map((figures) => {
      const { memory } = figures
      return [
        titleOf(figures),
        megabytes(memory?.heapBytes),
        megabytes(memory?.processBytes),
        megabytes(memory?.gpuProcessBytes),
        megabytes(memory?.gpuBytes),
      ]
    }),
  ]
}

/** As Markdown, columns padded. */
export function markdown(table: Table): string {
  const widths = table[0]!.map((_, column) => Math.max(3, ...table.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  const [head, ...rows] = table
  return [line(head!), rule, ...rows.map(line)].join('\n')
}

function measuresOf({ lengths, coldMs, warmMs }: PeerFigures): Measures {
  const measures = new Map<string, readonly number[]>()
  for (const [tokens, { prefillRates, decodeRates }] of lengths) {
    measures.set(`prefill ${tokens}`, prefillRates)
    measures.set(`decode after ${tokens}`, decodeRates)
  }
  measures.set('cold start, ms', coldMs)
  measures.set('warm start, ms', warmMs)
  return measures
}

function titleOf({ name }: PeerFigures): string {
  return peerFacts[name as PeerName]?.title ?? name
}

function shown(values: readonly number[]): string {
  if (values.length === 0) return '–'
  const value = median(values)
  return value < 100 ? value.toFixed(2) : value.toFixed(0)
}
