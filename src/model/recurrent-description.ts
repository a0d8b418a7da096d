import type { BiasRule, Projection } from './description'

/** Mixers that keep a state of all tokens so far, of a size that does not grow. */
export type RecurrentDescription = ShortConvDescription | MambaDescription | DeltaNetDescription

/** A convolution of each channel over a token and those before it; the tensor is [channels, 1, taps]. */
export interface ConvolutionDescription {
  readonly stem: string
  readonly taps: number
  readonly bias: BiasRule
}

/** LFM2's (Liquid AI 2025): output(after · convolution(before · x)); the input's rows are before, after and x, hidden each. */
export interface ShortConvDescription {
  readonly kind: 'short-conv'
  readonly input: Projection
  readonly convolution: ConvolutionDescription
  readonly output: Projection
}

/** Mamba 2 (Dao & Gu 2024, arXiv:2405.21060). The input's rows are z, x, B, C and dt. */
export interface MambaDescription {
  readonly kind: 'mamba'
  readonly heads: number
  readonly headDim: number
  readonly stateDim: number
  /** Heads of a group share B and C. */
  readonly groups: number
  readonly input: Projection
  /** What the parts of the input are multiplied by. */
  readonly scales: Readonly<Record<'z' | 'x' | 'b' | 'c' | 'dt', number>>
  /** Of x, B and C; then silu. */
  readonly convolution: ConvolutionDescription
  /** Whole names of tensors [heads]. */
  readonly aLog: string
  readonly dtBias: string
  readonly skip: string
  readonly dtLimit: readonly [least: number, most: number]
  /** null: only the gate. */
  readonly norm: GatedNormDescription | null
  readonly output: Projection
}

export interface GatedNormDescription {
  /** The whole name of its weight. */
  readonly weight: string
  readonly epsilon: number
  /** Parts of a row that are normalized by themselves. */
  readonly groups: number
  /** The gate comes before the norm. */
  readonly gateFirst: boolean
}

/** The gated delta rule (Yang et al. 2024, arXiv:2412.06464). Value heads in a row share a key head. */
export interface DeltaNetDescription {
  readonly kind: 'delta-net'
  readonly keyHeads: number
  readonly valueHeads: number
  readonly keyDim: number
  readonly valueDim: number
  /**
   * 'by part': rows of q, k and v of all heads, of z, of b, of a; 'by key head': first of each key head in turn q, k and
   * its heads' v and z, then of each its heads' b and a.
   */
  readonly order: 'by part' | 'by key head'
  readonly projections: readonly Projection[]
  /** Of q, k and v of all heads; then silu. */
  readonly convolution: ConvolutionDescription
  /** Whole names of tensors [value heads]. */
  readonly aLog: string
  readonly dtBias: string
  /** Of each head, all with one weight [value dim]. */
  readonly norm: { readonly weight: string; readonly epsilon: number }
  readonly output: Projection
}
