/**
 * How the float matrices of a safetensors model are kept on the GPU: `int4` quantizes those of layers to four bits and
 * the embedding and the output to eight, `f16` rounds F32 to F16 and leaves 16 bits as they are, `exact` leaves all.
 */
export const floatWeightsKinds = ['int4', 'f16', 'exact'] as const

export type FloatWeights = (typeof floatWeightsKinds)[number]
