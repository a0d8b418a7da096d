/** What a runtime is told when it is started. */
export interface StartOptions {
  /** Where the page finds what it needs, all on its own origin. */
  readonly urls: {
    /** The built library's entry. */
    readonly library: string
    /** Folder of the installed packages. */
    readonly packages: string
    /** A model in a GGUF file. */
    readonly gguf: string
    /** Folder of the same model's ONNX files, as a repo of the Hub has them. */
    readonly onnx: string
  }
  readonly layers: number
  readonly kvHeads: number
  readonly headDim: number
  /** Texts that the model's tokenizer makes one token of each, whatever stands before them. */
  readonly words: readonly string[]
  /** Tokens of the longest prompt and its answer. */
  readonly contextTokens: number
}

/** When the tokens of an answer came, in milliseconds from the request. */
export interface Answer {
  readonly promptTokens: number
  readonly firstMs: number
  readonly lastMs: number
  /** Tokens after the first one. */
  readonly laterTokens: number
}

/** A runtime with a model, in a page. */
export interface Runtime {
  /** The answer to a prompt of these ids, greedily and past any end, of `tokens` tokens. No prompt comes twice. */
  generate(prompt: readonly number[], tokens: number): Promise<Answer>
  /** Bytes of buffers on the GPU, where the runtime says so. */
  gpuBytes(): number | null
}

/** Writes down when tokens come. */
export class AnswerClock {
  readonly #started = performance.now()
  #firstMs: number | null = null
  #lastMs = 0
  #tokens = 0

  count(tokens: number): void {
    if (tokens === 0) return
    this.#lastMs = performance.now() - this.#started
    this.#firstMs ??= this.#lastMs
    this.#tokens += tokens
  }

  answer(promptTokens: number): Answer {
    if (this.#firstMs === null) throw new Error('the runtime gave no token')
    return {
      promptTokens,
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
      laterTokens: this.#tokens - 1,
    }
  }
}
