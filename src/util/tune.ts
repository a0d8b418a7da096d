/**
 * How variants of kernels are chosen. `off`: what kinds of devices are known to like. `cached`: what was timed on this device
 * before; where nothing was, it is timed now, and kept. `full`: timed anew.
 */
export const tunings = ['off', 'cached', 'full'] as const
export type Tune = (typeof tunings)[number]
