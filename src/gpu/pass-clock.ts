import type { GpuDevice } from './device'
import { bufferUsage, mapRead } from './flags'

/** What WebGPU allows in a query set. */
const mostQueries = 4096
const passesOfASet = mostQueries / 2

/** Begin and end of the passes of a step, by the GPU's clock. Its objects are made once, but for read-back buffers. */
export class PassClock {
  /** Of each pass in its place. */
  readonly passes: readonly GPUComputePassDescriptor[]
  readonly #gpu: GpuDevice
  readonly #sets: readonly GPUQuerySet[]
  readonly #resolved: GPUBuffer
  readonly #free: GPUBuffer[] = []

  /** @param mostPasses of one step. */
  constructor(gpu: GpuDevice, mostPasses: number) {
    this.#gpu = gpu
    const sets = Array.from({ length: Math.ceil(mostPasses / passesOfASet) }, () =>
      gpu.device.createQuerySet({ label: 'passes', type: 'timestamp', count: mostQueries }),
    )
    this.#sets = sets
    this.passes = Array.from({ length: mostPasses }, (_, i) => {
      const beginning = 2 * (i % passesOfASet)
      return {
        timestampWrites: {
          querySet: sets[Math.floor(i / passesOfASet)]!,
          beginningOfPassWriteIndex: beginning,
          endOfPassWriteIndex: beginning + 1,
        },
      }
    })
    const usage = bufferUsage.queryResolve | bufferUsage.copySrc
    this.#resolved = gpu.buffer('times of passes', 8 * mostQueries * sets.length, usage)
  }

  /** Records, behind the step's passes, that their times be copied to where they can be read. */
  resolve(encoder: GPUCommandEncoder, passes: number): GPUBuffer {
    this.#sets.forEach((set, i) => {
      const queries = 2 * Math.min(passesOfASet, passes - i * passesOfASet)
      if (queries > 0) encoder.resolveQuerySet(set, 0, queries, this.#resolved, 8 * mostQueries * i)
    })
    const copy = this.#free.pop() ?? this.#readBack()
    encoder.copyBufferToBuffer(this.#resolved, 0, copy, 0, 16 * passes)
    return copy
  }

  /** Begin and end of each pass, in nanoseconds from some moment; call it when the step has been submitted. */
  async read(copy: GPUBuffer, passes: number): Promise<BigUint64Array> {
    await copy.mapAsync(mapRead, 0, 16 * passes)
    const times = new BigUint64Array(copy.getMappedRange(0, 16 * passes).slice(0))
    copy.unmap()
    this.#free.push(copy)
    return times
  }

  #readBack(): GPUBuffer {
    const usage = bufferUsage.mapRead | bufferUsage.copyDst
    return this.#gpu.buffer('read-back of times', this.#resolved.size, usage)
  }
}
