import type { GpuDevice } from '../../gpu/device'
import { bufferUsage, mapRead } from '../../gpu/flags'
import { ParamsArena, type Pipeline } from '../../gpu/pipeline'
import type { Trial } from './trial'

interface Reading {
  readonly buffer: GPUBuffer
  readonly from: number
  readonly bytes: number
}

/** Kernels that run once on buffers of their own, all in one submit; what they write is read back in one piece. */
export class Trials {
  readonly #gpu: GpuDevice
  readonly #made: GPUBuffer[] = []
  readonly #arena: ParamsArena
  readonly #dispatches: ((pass: GPUComputePassEncoder) => void)[] = []
  readonly #readings: Reading[] = []

  constructor(gpu: GpuDevice) {
    this.#gpu = gpu
    this.#arena = new ParamsArena(gpu.device, (label, bytes, usage) =>
      this.#kept(gpu.buffer(label, bytes, usage)),
    )
  }

  /** A buffer of its own with these words, or with so many zeros. */
  buffer(label: string, content: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | number): GPUBuffer {
    const words = typeof content === 'number' ? content : content.length
    const buffer = this.#kept(this.#gpu.storage(label, 4 * words))
    if (typeof content !== 'number') this.#gpu.device.queue.writeBuffer(buffer, 0, content)
    return buffer
  }

  /** Releases these with its own. */
  keep(buffers: readonly GPUBuffer[]): void {
    this.#made.push(...buffers)
  }

  /** Runs the kernel behind those that were added before. */
  run(
    pipeline: Pipeline,
    buffers: Readonly<Record<string, GPUBuffer>>,
    params: Readonly<Record<string, number>>,
    shape: object,
  ): void {
    const group = pipeline.bind(this.#gpu.device, buffers, this.#arena.add(pipeline, params))
    const grid = pipeline.kernel.grid(shape as never, pipeline.variant.constants)
    this.#dispatches.push((pass) => {
      pass.setPipeline(pipeline.gpu)
      pass.setBindGroup(0, group)
      pass.dispatchWorkgroups(...grid)
    })
  }

  /** @returns its number among the results. */
  read(buffer: GPUBuffer, bytes: number, from = 0): number {
    return this.#readings.push({ buffer, from, bytes }) - 1
  }

  /** The trial of a kernel that must have written these values, from the buffer's word `from` on; NaN: any. */
  expects(
    pipeline: Pipeline,
    buffer: GPUBuffer,
    values: ArrayLike<number>,
    { what = 'y', tolerance = 1e-4, from = 0 }: { what?: string; tolerance?: number; from?: number } = {},
  ): Trial {
    const known = Array.from(values, (value, at) => ({ at, value }))
    return {
      pipeline,
      reading: this.read(buffer, 4 * known.length, 4 * from),
      from: 0,
      count: known.length,
      name: `${what} of ${pipeline.kernel.shader} ${JSON.stringify(pipeline.variant)}`,
      known: known.filter(({ value }) => !Number.isNaN(value)),
      tolerance,
    }
  }

  /** Submits what was added, releases all buffers, and gives what was to be read. */
  async results(): Promise<readonly ArrayBuffer[]> {
    const { device } = this.#gpu
    const total = this.#readings.reduce((sum, { bytes }) => sum + bytes, 0)
    const copy = this.#kept(this.#gpu.buffer('answers', total, bufferUsage.mapRead | bufferUsage.copyDst))
    const encoder = device.createCommandEncoder({ label: 'proof' })
    const pass = encoder.beginComputePass()
    for (const dispatch of this.#dispatches) dispatch(pass)
    pass.end()
    let at = 0
    for (const { buffer, from, bytes } of this.#readings) {
      encoder.copyBufferToBuffer(buffer, from, copy, at, bytes)
      at += bytes
    }
    device.queue.submit([encoder.finish()])
    try {
      await copy.mapAsync(mapRead)
      const whole = copy.getMappedRange()
      at = 0
      return this.#readings.map(({ bytes }) => {
        at += bytes
        return whole.slice(at - bytes, at)
      })
    } finally {
      for (const buffer of this.#made) this.#gpu.release(buffer)
      this.#made.length = 0
    }
  }

  #kept(buffer: GPUBuffer): GPUBuffer {
    this.#made.push(buffer)
    return buffer
  }
}
