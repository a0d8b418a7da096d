import type { ActivationDescription, NormDescription, Projection } from './description'

/**
 * A second embedding, of which each layer has a slice of `width` values (Gemma 3n, Google 2025): of token t
 * sumScale · (scale · E[t] + norm(projectionScale · P · x)), where x is the first embedding's row and each slice is
 * normalized by itself, with one weight.
 */
export interface LayerInputsDescription {
  /** Of the matrix [rows, layers · width]; ids beyond its rows take row 0. */
  readonly stem: string
  readonly rows: number
  readonly width: number
  readonly scale: number
  /** To layers · width values. */
  readonly projection: Projection
  readonly projectionScale: number
  readonly norm: NormDescription
  readonly sumScale: number
}

/** What a layer does with its slice, at its end: x ← x + norm(projection(act(gate(x)) · slice)). */
export interface LayerInputDescription {
  readonly width: number
  readonly gate: Projection
  readonly activation: ActivationDescription
  readonly projection: Projection
  readonly norm: NormDescription
}

/**
 * A stream of which there are several; a layer computes one, and predicts and corrects the others from it (AltUp, Baykal et al.
 * 2023, arXiv:2301.13310).
 */
export interface AltUpDescription {
  readonly streams: number
  /** Number of the stream that layers compute. */
  readonly active: number
  /** From the embedding's rows to streams 1, 2, …, which get the rows' magnitude. */
  readonly projections: readonly Projection[]
  /** From streams 1, 2, … back, with stream 0's magnitude; the last layer's rows are the mean of all. */
  readonly backProjections: readonly Projection[]
  /** Least mean square that is taken for a projected row's. */
  readonly floor: number
}

/** Of tensors without `.weight`, the scale's whole. */
export interface AltUpLayerDescription {
  readonly routerNorm: NormDescription
  /** [streams, hidden] */
  readonly router: string
  /** [streams², streams] */
  readonly prediction: string
  /** [streams, streams] */
  readonly correction: string
  /** [hidden]: of the active stream's rows, where the layer's input is added to the others; null: none. */
  readonly outputScale: string | null
}

/**
 * A residual of the mixer's input n beside it (LAuReL, Menghani et al. 2024, arXiv:2411.07501): x ← scale · (x + n + norm(up · down · n)),
 * where x has what the mixer gave already.
 */
export interface LaurelDescription {
  readonly down: Projection
  readonly up: Projection
  readonly norm: NormDescription
  readonly scale: number
}
