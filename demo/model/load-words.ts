import type { LoadProgress } from 'octavo'
import { formatBytes, formatSeconds } from '../quantities'

/** How far a load has come, with its speed. */
export interface LoadState extends LoadProgress {
  /** Of all that arrives, over the network or from this device; null while unknown. */
  readonly bytesPerSecond: number | null
}

/** What is happening now, in words. */
export function phaseWords({ phase, loadedBytes, storedBytes }: LoadProgress): string {
  if (phase === 'resolving') return 'Looking up the model'
  if (phase === 'preparing') return 'Preparing the GPU'
  if (phase === 'fetching') {
    return loadedBytes > 0 && storedBytes === loadedBytes
      ? 'Reading from this device'
      : 'Fetching the weights'
  }
  if (phase === 'tuning') return 'Timing which kernels this GPU runs fastest'
  return phase === 'warming-up' ? 'Warming up: a first run to check the GPU' : 'Ready'
}

/** Share of the whole load, 0 … 1: the bytes are most of it, a first run is the rest. */
export function loadShare({ phase, loadedBytes, totalBytes }: LoadProgress): number {
  if (phase === 'ready') return 1
  if (phase === 'warming-up') return 0.96
  if (phase === 'tuning') return 0.97
  return totalBytes === 0 ? 0 : 0.95 * (loadedBytes / totalBytes)
}

/** What a model does whose GPU the browser has taken away, in a few words. */
export function recoveryWords(progress: LoadProgress): string {
  return `GPU lost, reload: ${Math.round(100 * loadShare(progress))} %`
}

/** `87 MB of 145 MB · 12 MB a second · 5 seconds left`; empty until there is something to say. */
export function loadFigures({ phase, loadedBytes, totalBytes, bytesPerSecond }: LoadState): string {
  if (totalBytes === 0) return ''
  const parts = [`${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}`]
  if (phase === 'fetching' && bytesPerSecond !== null && bytesPerSecond > 0) {
    parts.push(`${formatBytes(bytesPerSecond)} a second`)
    const secondsLeft = (totalBytes - loadedBytes) / bytesPerSecond
    if (secondsLeft > 0) parts.push(`${formatSeconds(secondsLeft)} left`)
  }
  return parts.join(' · ')
}
