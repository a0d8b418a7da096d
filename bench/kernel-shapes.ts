/** Tokens of a prompt that are timed at once. */
export const promptTokens = 64

/** The sizes of a model that its kernels' shapes follow from. */
export interface ModelShape {
  readonly name: string
  readonly hidden: number
  readonly intermediate: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly vocab: number
}

/** SmolLM2-135M, Llama-3.2-1B and Llama-3.2-3B. */
export const modelShapes: readonly ModelShape[] = [
  { name: '135M', hidden: 576, intermediate: 1536, heads: 9, kvHeads: 3, headDim: 64, vocab: 49152 },
  { name: '1B', hidden: 2048, intermediate: 8192, heads: 32, kvHeads: 8, headDim: 64, vocab: 128256 },
  { name: '3B', hidden: 3072, intermediate: 8192, heads: 24, kvHeads: 8, headDim: 128, vocab: 128256 },
]

export interface Product {
  readonly name: string
  readonly rows: number
  readonly columns: number
  readonly residual: boolean
  readonly gated: boolean
}

/** The matrix products of one layer. */
export function layerProducts({ hidden, intermediate, heads, kvHeads, headDim }: ModelShape): Product[] {
  const plain = { residual: false, gated: false }
  return [
    { name: 'qkv', rows: (heads + 2 * kvHeads) * headDim, columns: hidden, ...plain },
    { name: 'output', rows: hidden, columns: heads * headDim, ...plain, residual: true },
    { name: 'gate, up', rows: 2 * intermediate, columns: hidden, ...plain, gated: true },
    { name: 'down', rows: hidden, columns: intermediate, ...plain, residual: true },
  ]
}
