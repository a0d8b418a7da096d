import type { ActivationDescription, Projection } from './description'

/** A mixture of experts (Shazeer et al. 2017, arXiv:1701.06538): a token goes through `top` of the experts. */
export interface ExpertsDescription {
  readonly kind: 'experts'
  readonly experts: number
  /** Experts that a token takes. */
  readonly top: number
  readonly router: RouterDescription
  readonly activation: ActivationDescription
  /** Of one expert. */
  readonly intermediate: number
  /** Gate and up, as two matrices or as one; all are stacks. */
  readonly inputs: readonly ExpertMatrix[]
  /** Gate and up take turns row by row, in one matrix. */
  readonly interleaved: boolean
  readonly down: ExpertMatrix
  /** Whole names of tensors [experts, rows] of `inputs`, where they are one matrix, and of `down`. */
  readonly inputBias: string | null
  readonly downBias: string | null
}

/** What chooses experts; see kernels/experts.ts for the numbers. */
export interface RouterDescription {
  /** Rows are the experts' logits. */
  readonly projection: Projection
  readonly scores: 'softmax' | 'sigmoid'
  /** The whole name of a tensor [experts] that counts in the choice alone. */
  readonly correction: string | null
  readonly groups: ExpertGroups | null
  /** What is added to the sum that shares are divided by; null: they are not. */
  readonly renormalizeEps: number | null
  readonly scale: number
}

/** Experts are chosen among those of the best `top` groups of `count`. */
export interface ExpertGroups {
  readonly count: number
  readonly top: number
  readonly by: 'best' | 'best-two'
}

export interface ExpertMatrix {
  /** Of one tensor [experts, rows, columns], or with a star where each expert's number stands. */
  readonly stem: string
  /** Of one expert. */
  readonly rows: number
  /** The one tensor is [experts, columns, rows]. */
  readonly transposed?: boolean
}
