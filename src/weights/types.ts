import type { ModelHeader, WeightSink } from '../util/model-file'

/** How the Hub is reached. */
export interface HubOptions {
  /** Base URL, without a slash at the end. */
  readonly endpoint: string
  /** Access token for gated or private repos. */
  readonly token: string | null
}

/** Bytes of the weights so far, counted over the whole model. */
export interface ByteProgress {
  readonly loadedBytes: number
  readonly totalBytes: number
  /** Of `loadedBytes`, those that came from this device's store and not over the network. */
  readonly storedBytes: number
}

/** A model whose header has been read and whose weights have not. */
export interface OpenedModel {
  readonly header: ModelHeader
  /** What was resolved, for people and logs. */
  readonly source: {
    readonly reference: string
    readonly repo: string | null
    /** Commit sha on the Hub; null for a URL or a File. */
    readonly revision: string | null
    /** Path of the file that was chosen: a GGUF file or the first of its parts, a safetensors file or its index. */
    readonly file: string
  }
  /** All files that belong to it, the texts of a safetensors model among them. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  /** Identity of its content: equal files have equal ones, whatever they are called. */
  readonly content: string
  /**
   * Sends every byte of the tensors' data to the sink, from the store where it is there, else from the network and
   * into the store. Verifies each file's hash where the Hub gives one.
   */
  stream(
    sink: WeightSink,
    options: { signal: AbortSignal; onProgress: (progress: ByteProgress) => void },
  ): Promise<void>
}
