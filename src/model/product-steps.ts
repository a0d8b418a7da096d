import type { Activation } from '../kernels/activation'
import type { BatchShape } from './batch'
import type { ProductRoutes } from './experts'

/** What becomes of a product as it is stored, in the kernels' order; see `matvec`. */
export interface Epilogue {
  /** Gate over up, or 'interleaved' row by row: half as many values are written. */
  readonly gated?: boolean | 'interleaved'
  /** In the gated form silu where left out, else none. */
  readonly activation?: Activation
  /** The layer's small tensors, where the bias or the activation is among them. */
  readonly constants?: GPUBuffer
  /** Where they have a bias for each row. */
  readonly biasAt?: number | null
  readonly scale?: number | null
  /** Of the soft cap. */
  readonly cap?: number | null
  readonly residual?: boolean
}

export interface MatrixStep extends Epilogue {
  readonly x: GPUBuffer
  /** How its rows of x are made, by a product of one token or by what rounds rows to bytes before products; null: they are in x. */
  readonly made?: MadeRow | null
  /** For which batches they are, for the others they are in x; for all of them where left out. */
  readonly makes?: (batch: BatchShape) => boolean
  /** f32 values from one token's row to the next, and to where it begins: fours. Rows of the matrix's columns, whole groups of them, where left out. */
  readonly xStride?: number
  readonly xOffset?: number
  readonly y: GPUBuffer
  /** f32 values from one token's result to the next. */
  readonly yStride: number
  readonly yOffset?: number
  readonly tokens: (batch: BatchShape) => number
  /** Fewer tokens are left to other dispatches; 1 where left out. */
  readonly leastTokens?: number
}

export interface ExpertStep extends MatrixStep {
  readonly routes: ProductRoutes
  /** Whether x has a row for each token, or one for each of its experts; y has the latter. */
  readonly xRows: 'tokens' | 'entries'
  /** f32 values, in fours, from what a token's first expert reads of its row to what the next one reads; none where left out. */
  readonly xStep?: number
}

/** A row of x that is made as it is read, of what is in another buffer and in the product's constants. */
export interface MadeRow {
  /** 'product': by each workgroup of a product of one token that takes floats. 'rounding': by whoever rounds rows to bytes. */
  readonly by: readonly ('product' | 'rounding')[]
  readonly x: GPUBuffer
  readonly batch?: GPUBuffer
  readonly conditions: Readonly<Record<string, boolean>>
  /** Numbers of the module that makes it. */
  readonly constants?: Readonly<Record<string, number>>
  readonly params: Readonly<Record<string, number>>
}

export type ProductForm = (
  | {
      readonly columns: number
      /** How its row of x is made; rounded to bytes where it says so. */
      readonly made?: MadeRow | null
    }
  | { readonly tokensPerLane: number }
) & {
  /** x as `int8_rows` has rounded it. */
  readonly inBytes?: GPUBuffer
  /** x as `half_rows` has. */
  readonly inF16?: GPUBuffer
}
