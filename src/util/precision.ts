/**
 * What matrix products read: `exact` rounds none of their inputs below f16; `fast` rounds activations to integers of eight
 * bits, with a scale for each 32.
 */
export const precisions = ['exact', 'fast'] as const

export type Precision = (typeof precisions)[number]
