/** Figures as a person reads them. */

const number = new Intl.NumberFormat('en')

/** `8,192` */
export function formatCount(count: number): string {
  return number.format(count)
}

/** Decimal, as download pages count: `87 MB`, `1.4 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`
  if (bytes < 1e9) return `${bytes < 1e7 ? (bytes / 1e6).toFixed(1) : Math.round(bytes / 1e6)} MB`
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`
}

/** A length of time in words, rounded as one would say it: `40 seconds`, `3 minutes`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1.5) return 'a second'
  if (seconds < 10) return `${Math.round(seconds)} seconds`
  if (seconds < 60) return `${Math.round(seconds / 5) * 5} seconds`
  if (seconds < 90) return 'a minute'
  if (seconds < 3600) return `${Math.round(seconds / 60)} minutes`
  return seconds < 5400 ? 'an hour' : `${Math.round(seconds / 3600)} hours`
}

/** A measured time: `84 ms`, `1.25 s`. */
export function formatMeasured(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`
}

/** Tokens per second: `8.4`, `112`. */
export function formatRate(perSecond: number): string {
  return perSecond < 100 ? perSecond.toFixed(1) : String(Math.round(perSecond))
}

/** `135 M`, `1.7 B` */
export function formatParameters(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)} B`
  if (parameters >= 1e6) return `${Math.round(parameters / 1e6)} M`
  return formatCount(parameters)
}
