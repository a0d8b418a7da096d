/** A whole text, or a pair, as an encoder takes it. */
export interface EncoderSequence {
  readonly ids: readonly number[]
  /** BERT's token type of each id; models without token types do not look at it. */
  readonly types: readonly number[]
}

export interface EncoderLimits {
  /** Tokens of one sequence. */
  readonly maxTokens: number
  /** Tokens of one batch that holds several sequences; one that is longer stands alone. */
  readonly maxBatchTokens: number
  readonly maxSequences: number
  /** Ids are below it. */
  readonly vocabSize: number
  /** Floats of what a sequence becomes: the dimensions of its vector, or the labels that it is scored by. */
  readonly outputs: number
}

/** Runs batches of whole sequences on the GPU. */
export interface EncoderRunner {
  readonly limits: EncoderLimits
  /** Submits the batch at once; resolves with a vector for each sequence, in their order. */
  run(sequences: readonly EncoderSequence[]): Promise<readonly Float32Array[]>
  /** As a `Runner`'s. */
  isLost(): Promise<boolean>
}
