import type { Pipeline } from '../../gpu/pipeline'

/** An answer that is known: where it lies in what was read, and what must be there. */
export interface KnownValue {
  readonly at: number
  readonly value: number
}

/** One pipeline's run of a known case. */
export interface Trial {
  readonly pipeline: Pipeline
  /** What has written the cache that it reads, or the rows in bytes. */
  readonly filledBy?: Pipeline
  /** What has merged its partial results. */
  readonly combinedBy?: Pipeline
  /** What other pipelines have written for the same: each is tried by itself. */
  readonly apart?: {
    readonly reading: number
    readonly by: readonly Pipeline[]
    /** How far it may be off; where left out, it must give the same bits. */
    readonly within?: number
  }
  /** Number of what it has written among the results: f32. */
  readonly reading: number
  /** Where an order is left to the lanes: puts what was read into one that is known. */
  readonly arrange?: (words: Uint32Array) => void
  /** Floats of it that the trial is about. */
  readonly from: number
  readonly count: number
  /** The case. Pipelines that are tried on it give the same bits. */
  readonly name: string
  /** Empty where the twins' answers have none for the case. */
  readonly known: readonly KnownValue[]
  readonly tolerance: number
}
