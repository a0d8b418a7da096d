import { bufferUsage, computeStage } from './flags'
import type { Grid, Kernel, KernelVariant } from './kernel'
import { packParams } from './kernel'

/** A compiled kernel, with its explicit layout: storage buffers in the record's order, then the params. */
export class Pipeline {
  private constructor(
    readonly kernel: Kernel<never>,
    readonly variant: KernelVariant,
    readonly gpu: GPUComputePipeline,
    readonly layout: GPUBindGroupLayout,
    /** Its WGSL. */
    readonly code: string,
  ) {}

  static async create(
    device: GPUDevice,
    kernel: Kernel<never>,
    variant: KernelVariant,
    code: string,
  ): Promise<Pipeline> {
    const entries: GPUBindGroupLayoutEntry[] = Object.values(kernel.bindings).map((binding, i) => ({
      binding: i,
      visibility: computeStage,
      buffer: { type: binding.access === 'read' ? 'read-only-storage' : 'storage' },
    }))
    if (Object.keys(kernel.params).length > 0) {
      entries.push({
        binding: entries.length,
        visibility: computeStage,
        buffer: { type: 'uniform' },
      })
    }
    const layout = device.createBindGroupLayout({ label: kernel.shader, entries })
    const gpu = await device.createComputePipelineAsync({
      label: kernel.shader,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ label: kernel.shader, code }), entryPoint: 'main' },
    })
    return new Pipeline(kernel, variant, gpu, layout, code)
  }

  bind(
    device: GPUDevice,
    buffers: Readonly<Record<string, GPUBuffer>>,
    params: GPUBufferBinding | null,
  ): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = Object.keys(this.kernel.bindings).map((name, i) => {
      const buffer = buffers[name]
      if (!buffer) throw new Error(`${this.kernel.shader}: no buffer for ${name}`)
      return { binding: i, resource: { buffer } }
    })
    if (params) entries.push({ binding: entries.length, resource: params })
    return device.createBindGroup({ label: this.kernel.shader, layout: this.layout, entries })
  }
}

/** Params of many dispatches in few uniform buffers, written once. */
export class ParamsArena {
  static readonly #pageBytes = 65536
  readonly buffers: GPUBuffer[] = []
  #used = ParamsArena.#pageBytes

  constructor(
    readonly device: GPUDevice,
    readonly makeBuffer: (label: string, bytes: number, usage: number) => GPUBuffer,
  ) {}

  add(pipeline: Pipeline, values: Readonly<Record<string, number>>): GPUBufferBinding | null {
    if (Object.keys(pipeline.kernel.params).length === 0) return null
    const packed = packParams(pipeline.kernel.params, values)
    const stride = this.device.limits.minUniformBufferOffsetAlignment
    if (this.#used + packed.byteLength > ParamsArena.#pageBytes) {
      this.buffers.push(
        this.makeBuffer('params', ParamsArena.#pageBytes, bufferUsage.uniform | bufferUsage.copyDst),
      )
      this.#used = 0
    }
    const buffer = this.buffers.at(-1)!
    const offset = this.#used
    this.device.queue.writeBuffer(buffer, offset, packed)
    this.#used += Math.ceil(packed.byteLength / stride) * stride
    return { buffer, offset, size: packed.byteLength }
  }
}

/** One line of a plan: everything that does not depend on the batch is made already. */
export interface Dispatch<Batch> {
  readonly pipeline: Pipeline
  readonly bindGroup: GPUBindGroup
  /** Workgroups for a batch; null: this batch has nothing for the dispatch. */
  readonly grid: (batch: Batch) => Grid | null
  /** The kernel's shape for a batch, from which another variant's grid can be computed. */
  readonly shape: (batch: Batch) => object | null
  /** What is timed with it where its variants are; null: it stays as it is. */
  readonly tactic: string | null
  /** Bytes of storage that it walks for a batch. */
  readonly bytes: (batch: Batch) => number
}

/**
 * Records a plan's dispatches into one pass. Steps of steady decode ask for the same grids again and again: they are
 * kept from one batch to the next, and such a step computes and allocates none.
 */
export class PlanRecorder<Batch> {
  /** The dispatches that the last batch needed, with their grids. */
  readonly #dispatches: Dispatch<Batch>[] = []
  readonly #grids: Grid[] = []
  #batch: Batch | null = null

  constructor(
    readonly plan: readonly Dispatch<Batch>[],
    /** Whether every grid of the plan is the same for two batches. */
    readonly sameGrids: (one: Batch, other: Batch) => boolean,
  ) {}

  /**
   * @param passes where each dispatch gets a pass of its own: their descriptors, in order.
   * @returns the dispatches that the batch needed; the next step writes over the list.
   */
  record(
    encoder: GPUCommandEncoder,
    batch: Batch,
    passes: readonly GPUComputePassDescriptor[] | null = null,
  ): readonly Dispatch<Batch>[] {
    if (this.#batch === null || !this.sameGrids(this.#batch, batch)) this.#choose(batch)
    this.#batch = batch
    let pass = encoder.beginComputePass(passes?.[0])
    let pipeline: GPUComputePipeline | null = null
    for (let i = 0; i < this.#dispatches.length; i++) {
      const dispatch = this.#dispatches[i]!
      if (passes && i > 0) {
        pass.end()
        pass = encoder.beginComputePass(passes[i])
        pipeline = null
      }
      if (dispatch.pipeline.gpu !== pipeline) {
        pipeline = dispatch.pipeline.gpu
        pass.setPipeline(pipeline)
      }
      const grid = this.#grids[i]!
      pass.setBindGroup(0, dispatch.bindGroup)
      pass.dispatchWorkgroups(grid[0], grid[1], grid[2])
    }
    pass.end()
    return this.#dispatches
  }

  #choose(batch: Batch): void {
    this.#dispatches.length = 0
    this.#grids.length = 0
    for (const dispatch of this.plan) {
      const grid = dispatch.grid(batch)
      if (!grid) continue
      this.#dispatches.push(dispatch)
      this.#grids.push(grid)
    }
  }
}
