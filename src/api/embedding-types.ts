/** What `embeddings.create` takes: OpenAI's fields, and those of vLLM and sentence-transformers that are named so. */
export interface EmbeddingRequest {
  /** One text or several, or their token ids, which are taken as they are, without [CLS] or an end token. */
  input: string | string[] | number[] | number[][]
  /** Any name; it comes back in the response. */
  model?: string | null
  /** `base64`: of float32, little-endian. Default `float`. */
  encoding_format?: 'float' | 'base64' | null
  /** Keep this many dimensions, and make the length 1 again, for models that were trained so (Matryoshka). */
  dimensions?: number | null
  /** Accepted; nothing is done with it. */
  user?: string
  /**
   * vLLM's: cut texts to this many tokens; −1: to what the model takes. Without it, a text that is longer is refused.
   */
  truncate_prompt_tokens?: number | null
  /**
   * sentence-transformers': the name of what the repo has to be put before a text, such as `query` or `document`.
   * Default: the repo's default, mostly nothing. `engine.info.encoder.prompts` lists the names.
   */
  prompt_name?: string | null
}

/** The vector of one input: numbers, or with `encoding_format: 'base64'` a string. */
export interface Embedding<Vector extends number[] | string = number[]> {
  object: 'embedding'
  /** Of the input. */
  index: number
  embedding: Vector
}

/** OpenAI's answer: a vector for each input, in their order. */
export interface CreateEmbeddingResponse<Vector extends number[] | string = number[]> {
  object: 'list'
  data: Embedding<Vector>[]
  model: string
  usage: { prompt_tokens: number; total_tokens: number }
}
