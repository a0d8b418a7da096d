/**
 * Whether a request's numbers depend on nothing but itself, to the bit: `on`, or `off` where kernels may be chosen that
 * sum in other orders, or round the activations of prompts to f16.
 */
export const invariances = ['on', 'off'] as const

export type Invariance = (typeof invariances)[number]
