/** How keys and values are stored. int8 and int4 keep a scale and a minimum for each token and kv head. */
export const kvFormats = ['f32', 'f16', 'int8', 'int4'] as const

export type KvFormat = (typeof kvFormats)[number]
