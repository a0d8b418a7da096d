/** What a llama is but for its weights. */
export interface PeerShape {
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly intermediate: number
  readonly vocab: number
  readonly ropeBase: number
  readonly normEpsilon: number
}

export const modelNames = ['135m', 'tiny'] as const
export type ModelName = (typeof modelNames)[number]

/** `135m` is SmolLM2-135M; `tiny` is for finding out whether every peer runs. */
export const shapes: Readonly<Record<ModelName, PeerShape>> = {
  '135m': {
    hidden: 576,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    intermediate: 1536,
    vocab: 49152,
    ropeBase: 100_000,
    normEpsilon: 1e-5,
  },
  tiny: {
    hidden: 128,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 32,
    intermediate: 256,
    vocab: 2048,
    ropeBase: 10_000,
    normEpsilon: 1e-5,
  },
}

/** Texts that are one token each wherever they stand, for a runtime that takes no ids. */
export const words: Readonly<Record<ModelName, readonly string[]>> = {
  '135m': 'the of and to in is was for on that with as it by at from his an were are which this be had not'
    .split(' ')
    .map((word) => ` ${word}`),
  tiny: [...'abcdfg'],
}

/** Positions that a model of the benchmark has room for. */
export const contextTokens = 2048
