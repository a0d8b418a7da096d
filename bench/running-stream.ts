import type { Engine } from '../src/index'

/** A streamed completion of given ids, and when its tokens came, by `performance.now()`. */
export class RunningStream {
  readonly startedAt = performance.now()
  readonly tokensAt: number[] = []
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>
  #stop: () => void = () => {}
  #waiting: { readonly tokens: number; readonly resolve: () => void }[] = []

  constructor(engine: Engine, prompt: readonly number[], maxTokens: number) {
    this.ended = this.#run(engine, prompt, maxTokens)
    this.ended.catch(() => undefined)
  }

  async #run(engine: Engine, prompt: readonly number[], maxTokens: number): Promise<void> {
    const stream = await engine.completions.create({
      prompt: [...prompt],
      max_tokens: maxTokens,
      temperature: 0,
      ignore_eos: true,
      stream: true,
      return_token_ids: true,
    })
    this.#stop = () => stream.controller.abort()
    for await (const chunk of stream) {
      for (const _ of chunk.choices[0]?.token_ids ?? []) this.tokensAt.push(performance.now())
      this.#waiting = this.#waiting.filter(({ tokens, resolve }) => {
        if (this.tokensAt.length >= tokens) resolve()
        return this.tokensAt.length < tokens
      })
    }
  }

  /** Resolves when so many tokens have come; fails where the stream fails before. */
  async reach(tokens: number): Promise<void> {
    if (this.tokensAt.length >= tokens) return
    const reached = new Promise<void>((resolve) => this.#waiting.push({ tokens, resolve }))
    await Promise.race([reached, this.ended])
    if (this.tokensAt.length < tokens) throw new Error(`a stream ended before ${tokens} tokens`)
  }

  get firstTokenMs(): number {
    return this.tokensAt[0]! - this.startedAt
  }

  async stop(): Promise<void> {
    this.#stop()
    await this.ended
  }
}
