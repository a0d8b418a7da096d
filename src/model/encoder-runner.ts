import type { GpuDevice } from '../gpu/device'
import { bufferUsage, mapRead } from '../gpu/flags'
import { PlanRecorder } from '../gpu/pipeline'
import { PlanProfiler } from '../gpu/profiler'
import type { BatchLayout, BatchShape } from './batch'
import { EncoderBatchWriter, type EncoderRoom } from './encoder-batch'
import type { EncoderLimits, EncoderRunner, EncoderSequence } from './encoder-step'
import type { PooledRows } from './parts/pooled'
import type { Plan } from './plan'
import { sameGrids } from './same-grids'
import { TokenBudget } from './token-budget'

/** Batches whose rows may be on their way back at once. */
const batchesInFlight = 3

interface GpuEncoderOptions {
  readonly gpu: GpuDevice
  readonly plan: Plan
  readonly batch: GPUBuffer
  readonly pooled: PooledRows
  readonly layout: BatchLayout
  readonly room: EncoderRoom
  readonly limits: Omit<EncoderLimits, 'maxBatchTokens' | 'maxSequences'>
  /** Tokens of a tile of attention. */
  readonly tileTokens: number
}

/** Runs batches of whole sequences: one write, one pass, one submit and one read-back of what they become. */
export class GpuEncoder implements EncoderRunner {
  readonly limits: EncoderLimits
  readonly profiler: PlanProfiler<BatchShape>
  readonly #options: GpuEncoderOptions
  readonly #writer: EncoderBatchWriter
  readonly #budget: TokenBudget
  readonly #free: GPUBuffer[]

  constructor(options: GpuEncoderOptions) {
    const { gpu, layout, room, limits, pooled, tileTokens } = options
    this.#options = options
    this.#writer = new EncoderBatchWriter(layout, room, tileTokens)
    this.profiler = new PlanProfiler({
      gpu,
      recorder: new PlanRecorder(options.plan, sameGrids),
      describe: ({ tokens }) => ({ phase: 'encode', tokens }),
    })
    const budget = new TokenBudget(room.maxBatchTokens)
    this.#budget = budget
    this.limits = {
      ...limits,
      maxSequences: room.maxSequences,
      get maxBatchTokens() {
        return budget.tokens
      },
    }
    const bytes = 4 * room.maxSequences * pooled.stride
    const usage = bufferUsage.mapRead | bufferUsage.copyDst
    this.#free = Array.from({ length: batchesInFlight }, (_, i) => gpu.buffer(`read-back ${i}`, bytes, usage))
  }

  async run(sequences: readonly EncoderSequence[]): Promise<readonly Float32Array[]> {
    const { gpu, batch, pooled, limits } = this.#options
    const { device } = gpu
    const readback = this.#free.pop()
    if (!readback) throw new Error(`more than ${batchesInFlight} batches in flight`)
    const { shape, used } = this.#writer.write(sequences)
    device.queue.writeBuffer(batch, 0, this.#writer.words, 0, used)
    const encoder = device.createCommandEncoder()
    const profiled = this.profiler.record(encoder, shape)
    const bytes = 4 * sequences.length * pooled.stride
    encoder.copyBufferToBuffer(pooled.rows[0], 0, readback, 0, bytes)
    const started = performance.now()
    device.queue.submit([encoder.finish()])
    profiled?.submitted()
    try {
      await readback.mapAsync(mapRead, 0, bytes)
      if (!profiled) this.#budget.took(shape, performance.now() - started)
      const rows = new Float32Array(readback.getMappedRange(0, bytes))
      const outputs = sequences.map((_, i) =>
        rows.slice(i * pooled.stride, i * pooled.stride + limits.outputs),
      )
      readback.unmap()
      return outputs
    } finally {
      this.#free.push(readback)
    }
  }

  async isLost(): Promise<boolean> {
    return (await this.#options.gpu.whyFailed()) !== null
  }
}
