import type { GpuRunner } from '../../src/model/runner'
import { greedy, type StepChunk, type TokenLogprobs } from '../../src/model/step'

/** A sequence that a test runs step by step, without an engine: its own slot and its own run of blocks. */
export class ForcedSequence {
  position = 0
  readonly #blocks: readonly number[]

  constructor(
    readonly runner: GpuRunner,
    readonly slot: number,
    maxTokens: number,
  ) {
    const { blockSize, maxSequences, blocks } = runner.limits
    const each = Math.ceil(maxTokens / blockSize)
    if (slot >= maxSequences || (slot + 1) * each > blocks) throw new Error('no room for the sequence')
    // Backwards, so that a block table that is not looked at shows.
    this.#blocks = Array.from({ length: each }, (_, i) => (slot + 1) * each - 1 - i)
  }

  /** The next ids of the sequence as a chunk of a step. */
  chunk(ids: readonly number[], part: Partial<StepChunk> = {}): StepChunk {
    const start = this.position
    this.position += ids.length
    return {
      slot: this.slot,
      start,
      ids,
      blocks: this.#blocks,
      copyBlock: null,
      copyState: null,
      sampler: null,
      logprobs: null,
      promptLogprobs: null,
      ...part,
    }
  }

  /** Computes all ids in steps of at most `chunkTokens`, and gives the logits after the last one. */
  async prefill(
    ids: readonly number[],
    chunkTokens: number,
  ): Promise<{ best: number; logits: Float32Array }> {
    let best = 0
    for (let at = 0; at < ids.length; at += chunkTokens) {
      const last = at + chunkTokens >= ids.length
      const step = this.chunk(ids.slice(at, at + chunkTokens), { sampler: last ? greedy : null })
      const [result] = await this.runner.run([step])
      best = result!.sampledId ?? best
    }
    return { best, logits: await this.runner.readLogits(1) }
  }

  /** Computes one id and gives what follows it. */
  async decode(id: number): Promise<{ best: number; logits: Float32Array }> {
    const [result] = await this.runner.run([this.chunk([id], { sampler: greedy })])
    return { best: result!.sampledId!, logits: await this.runner.readLogits(1) }
  }

  /** Computes `ids` in steps, and gives for each the log-probability of the target that follows it. */
  async score(ids: readonly number[], targets: readonly number[], top: number): Promise<TokenLogprobs[]> {
    const rows = this.runner.limits.maxLogitRows
    const scores: TokenLogprobs[] = []
    for (let at = 0; at < ids.length; at += rows) {
      const step = this.chunk(ids.slice(at, at + rows), {
        promptLogprobs: { targets: targets.slice(at, at + rows), top },
      })
      const [result] = await this.runner.run([step])
      scores.push(...result!.promptLogprobs)
    }
    return scores
  }
}
