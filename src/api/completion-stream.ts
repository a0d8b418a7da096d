import { OctavoError } from '../util/octavo-error'

/**
 * The chunks of a streamed answer, to be read once.
 *
 * Leaving the loop, or `controller.abort()`, ends the generation and frees what it holds; the loop then ends without
 * an error. What the request's own `signal` aborts throws an OctavoError 'aborted' instead.
 *
 * @example
 * const stream = await engine.chat.completions.create({ messages, stream: true })
 * stopButton.onclick = () => stream.controller.abort()
 * for await (const chunk of stream) write(chunk.choices[0]?.delta.content ?? '')
 */
export class CompletionStream<Chunk> implements AsyncIterable<Chunk> {
  readonly controller = new AbortController()
  readonly #chunks: AsyncGenerator<Chunk>
  readonly #abort: () => void
  #taken = false

  /** @param abort ends what makes the chunks; harmless once it has ended. */
  constructor(chunks: AsyncGenerator<Chunk>, abort: () => void) {
    this.#chunks = chunks
    this.#abort = abort
    this.controller.signal.addEventListener('abort', abort)
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk> {
    if (this.#taken) {
      throw new OctavoError(
        'invalid-request',
        'This stream is being read already; its chunks come only once.',
        'Read it in one loop, or collect its chunks in an array.',
      )
    }
    this.#taken = true
    return this.#untilAborted()
  }

  async *#untilAborted(): AsyncGenerator<Chunk> {
    const { signal } = this.controller
    try {
      if (signal.aborted) return
      for await (const chunk of this.#chunks) {
        if (signal.aborted) return
        yield chunk
      }
    } finally {
      this.#abort()
    }
  }
}
