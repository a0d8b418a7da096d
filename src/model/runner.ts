import type { GpuDevice } from '../gpu/device'
import { bufferUsage, mapRead } from '../gpu/flags'
import { PlanRecorder } from '../gpu/pipeline'
import { PlanProfiler } from '../gpu/profiler'
import { maxTopLogprobs, resultWords } from '../kernels/sample'
import type { Activations } from './activations'
import { type BatchLayout, type BatchShape, BatchWriter } from './batch'
import type { BlockCopies } from './block-copies'
import type { Plan } from './plan'
import { sameGrids } from './same-grids'
import { countIds } from './sampling'
import type { StateCopies } from './state-copies'
import type { ChunkResult, Runner, RunnerLimits, StepChunk, TokenLogprobs } from './step'
import { TokenBudget } from './token-budget'

/** Steps whose ids may be on their way back at once: the run-ahead of one, and one that is being read. */
const stepsInFlight = 3

export interface GpuRunnerOptions {
  readonly gpu: GpuDevice
  readonly plan: Plan
  readonly buffers: Pick<Activations, 'batch' | 'results' | 'logits' | 'counts'>
  readonly blockCopies: BlockCopies
  readonly stateCopies: StateCopies
  readonly layout: BatchLayout
  readonly limits: RunnerLimits
  /** Tokens of a prefill tile. */
  readonly tileTokens: number
}

/**
 * Runs batches: one write (and one for each sequence whose penalties begin), one pass, one submit and one read-back of
 * ids a step, and no object made but these need.
 */
export class GpuRunner implements Runner {
  readonly limits: RunnerLimits
  readonly profiler: PlanProfiler<BatchShape>
  #lastShape: BatchShape | null = null
  readonly #options: GpuRunnerOptions
  readonly #batch: BatchWriter
  readonly #readbacks: GPUBuffer[]
  readonly #free: GPUBuffer[]
  readonly #budget: TokenBudget
  /** u32 [vocab], from the first penalty on. */
  #countRow: Uint32Array<ArrayBuffer> | null = null

  constructor(options: GpuRunnerOptions) {
    this.#options = options
    this.#batch = new BatchWriter(options.layout, options.limits, options.tileTokens)
    this.profiler = new PlanProfiler({
      gpu: options.gpu,
      recorder: new PlanRecorder(options.plan, sameGrids),
      describe: phaseOf,
    })
    const budget = new TokenBudget(options.limits.maxBatchTokens)
    this.#budget = budget
    this.limits = {
      ...options.limits,
      get maxBatchTokens() {
        return budget.tokens
      },
    }
    const bytes = 4 * resultWords * options.limits.maxLogitRows
    this.#readbacks = Array.from({ length: stepsInFlight }, (_, i) =>
      options.gpu.buffer(`read-back ${i}`, bytes, bufferUsage.mapRead | bufferUsage.copyDst),
    )
    this.#free = [...this.#readbacks]
  }

  async run(chunks: readonly StepChunk[]): Promise<readonly ChunkResult[]> {
    const { gpu, buffers, blockCopies, stateCopies } = this.#options
    const { device } = gpu
    const { shape, used } = this.#batch.write(chunks)
    const readback = shape.logitRows > 0 ? (this.#free.pop() ?? null) : null
    device.queue.writeBuffer(buffers.batch, 0, this.#batch.words, 0, used)
    for (const chunk of chunks) this.#writeHistory(chunk)
    const encoder = device.createCommandEncoder()
    blockCopies.record(encoder, chunks)
    stateCopies.record(encoder, chunks)
    const profiled = this.profiler.record(encoder, shape)
    this.#lastShape = shape
    const resultBytes = 4 * resultWords * shape.logitRows
    if (readback) encoder.copyBufferToBuffer(buffers.results, 0, readback, 0, resultBytes)
    const started = performance.now()
    device.queue.submit([encoder.finish()])
    profiled?.submitted()
    if (shape.logitRows === 0) {
      await device.queue.onSubmittedWorkDone()
      if (!profiled) this.#budget.took(shape, performance.now() - started)
      return chunks.map(() => ({ sampledId: null, logprobs: null, promptLogprobs: [] }))
    }
    if (!readback) throw new Error(`more than ${stepsInFlight} steps in flight`)
    try {
      await readback.mapAsync(mapRead, 0, resultBytes)
      // The budget is for steps that nobody profiles.
      if (!profiled) this.#budget.took(shape, performance.now() - started)
      const words = new Uint32Array(readback.getMappedRange(0, resultBytes).slice(0))
      readback.unmap()
      return readResults(chunks, words)
    } finally {
      this.#free.push(readback)
    }
  }

  async isLost(): Promise<boolean> {
    return (await this.#options.gpu.whyFailed()) !== null
  }

  /** Makes the counts of the chunk's slot those of the ids before it, for the penalties. */
  #writeHistory({ slot, sampler }: StepChunk): void {
    if (!sampler?.history) return
    const { gpu, buffers, limits } = this.#options
    this.#countRow ??= new Uint32Array(limits.vocabSize)
    countIds(sampler.history, this.#countRow)
    gpu.device.queue.writeBuffer(buffers.counts, 4 * slot * limits.vocabSize, this.#countRow)
  }

  /** Bytes that the dispatches of the last step walked, as their kernels' records declare them. */
  get bytesWalked(): number {
    const shape = this.#lastShape
    return shape === null ? 0 : this.#options.plan.reduce((sum, dispatch) => sum + dispatch.bytes(shape), 0)
  }

  /** Makes the first row of logits NaN, until a step writes it. */
  spoilLogits(): void {
    const { gpu, buffers, limits } = this.#options
    const row = new Float32Array(limits.vocabSize).fill(Number.NaN)
    gpu.device.queue.writeBuffer(buffers.logits, 0, row)
  }

  /** f32 [rows, vocab]: the logits of the last step's first rows, for checks. */
  async readLogits(rows: number): Promise<Float32Array> {
    const { gpu, buffers, limits } = this.#options
    const bytes = 4 * rows * limits.vocabSize
    const copy = gpu.buffer('logits copy', bytes, bufferUsage.mapRead | bufferUsage.copyDst)
    const encoder = gpu.device.createCommandEncoder()
    encoder.copyBufferToBuffer(buffers.logits, 0, copy, 0, bytes)
    gpu.device.queue.submit([encoder.finish()])
    await copy.mapAsync(mapRead)
    const logits = new Float32Array(copy.getMappedRange().slice(0, bytes))
    gpu.release(copy)
    return logits
  }
}

function phaseOf({ tokens, decode, prefill }: BatchShape) {
  const phase = prefill.tiles === 0 ? 'decode' : decode.tiles === 0 ? 'prefill' : 'mixed'
  return { phase, tokens } as const
}

function readResults(chunks: readonly StepChunk[], words: Uint32Array<ArrayBuffer>): ChunkResult[] {
  const floats = new Float32Array(words.buffer)
  const read = (row: number, top: number): TokenLogprobs => {
    const at = row * resultWords
    return {
      id: words[at + 3]!,
      logprob: floats[at + 1]!,
      rank: words[at + 2]!,
      top: Array.from({ length: Math.min(top, maxTopLogprobs) }, (_, i) => ({
        id: words[at + 4 + 2 * i]!,
        logprob: floats[at + 5 + 2 * i]!,
      })),
    }
  }
  let sampledRow = 0
  let askedRow = chunks.filter((chunk) => chunk.sampler).length
  return chunks.map((chunk) => {
    let sampledId: number | null = null
    let logprobs: TokenLogprobs | null = null
    if (chunk.sampler) {
      sampledId = words[sampledRow * resultWords]!
      if (chunk.logprobs !== null) logprobs = read(sampledRow, chunk.logprobs)
      sampledRow += 1
    }
    const { targets = [], top = 0 } = chunk.promptLogprobs ?? {}
    const promptLogprobs = targets.map((_, i) => read(askedRow + i, top))
    askedRow += targets.length
    return { sampledId, logprobs, promptLogprobs }
  })
}
