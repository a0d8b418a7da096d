/**
 * Whether a request's numbers depend on nothing but itself, to the bit: `on`, or `off` where kernels may be chosen that
 * sum in other orders, or round activations to f16 where many tokens are computed at once.
 */
export const invariances = ['on', 'off'] as const

export type Invariance = (typeof invariances)[number]
