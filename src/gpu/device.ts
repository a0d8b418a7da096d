import { OctavoError } from '../util/octavo-error'
import { bufferUsage } from './flags'
import type { Kernel, KernelVariant } from './kernel'
import { Pipeline } from './pipeline'
import { linkShader } from './shader'

/** What is known of the device, for people and for choosing variants. */
export interface DeviceInfo {
  readonly vendor: string
  readonly architecture: string
  readonly device: string
  readonly description: string
  readonly isFallbackAdapter: boolean
  readonly features: readonly string[]
  /** Extensions of WGSL that the browser knows. */
  readonly wgslFeatures: readonly string[]
  /** Lanes of the smallest subgroup; null where the browser does not say. */
  readonly subgroupMinSize: number | null
  readonly subgroupMaxSize: number | null
  readonly maxBufferBytes: number
  readonly maxBindingBytes: number
  /** Those that were asked for, as the device has them. */
  readonly limits: Readonly<Record<(typeof raisedLimits)[number], number>>
}

const storageBuffersNeeded = 8
const wantedFeatures: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query']

const raisedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const

/** By how much the news of a lost device may come later than what fails by it. */
const lossDelayMs = 100

const storageUsage = bufferUsage.storage | bufferUsage.copyDst | bufferUsage.copySrc

type AnyKernel = Kernel<never>

/** A GPU device with the buffers and pipelines made on it; the only place that creates either. */
export class GpuDevice {
  readonly info: DeviceInfo
  /** Bytes of the buffers that exist. */
  bytes = 0
  /** The most that `bytes` has been. */
  peakBytes = 0
  /** Resolves when the device is lost other than by `destroy`. */
  readonly lost: Promise<OctavoError>
  readonly #pipelines = new Map<string, Promise<Pipeline>>()
  /** By their shaders: variants may differ in what a shader does not look at. */
  readonly #byCode = new Map<string, Promise<Pipeline>>()
  /** Pipelines that compile now, and since when without a pause. */
  readonly #compiling = { count: 0, since: 0 }
  /** Pipelines that were compiled, and the milliseconds in which at least one was compiling. */
  readonly #compiled = { count: 0, ms: 0 }
  /** Shaders of pipelines that have not begun to compile. */
  readonly #linking = new Set<Promise<string>>()
  #destroyed = false

  private constructor(
    /** Kept: a collected adapter takes its device with it in some implementations. */
    readonly adapter: GPUAdapter,
    readonly device: GPUDevice,
    wgslFeatures: readonly string[],
  ) {
    const { vendor, architecture, device: name, description } = adapter.info
    this.info = {
      vendor,
      architecture,
      device: name,
      description,
      isFallbackAdapter: adapter.info.isFallbackAdapter ?? false,
      features: [...device.features].sort(),
      wgslFeatures,
      subgroupMinSize: adapter.info.subgroupMinSize ?? null,
      subgroupMaxSize: adapter.info.subgroupMaxSize ?? null,
      maxBufferBytes: device.limits.maxBufferSize,
      maxBindingBytes: device.limits.maxStorageBufferBindingSize,
      limits: limitsOf(device),
    }
    this.lost = new Promise((resolve) => {
      void device.lost.then((lost) => {
        if (!this.#destroyed) resolve(lostError(lost.message))
      })
    })
  }

  /**
   * Asks for the fastest adapter with all it has.
   *
   * @throws OctavoError 'no-adapter' where there is none, 'limits-too-small' where it cannot run the kernels.
   */
  static async open(gpu: GPU): Promise<GpuDevice> {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) {
      throw new OctavoError(
        'no-adapter',
        'This browser has WebGPU but found no GPU that it may use.',
        'Update the graphics driver, or switch on hardware acceleration in the browser’s settings, and restart the browser.',
      )
    }
    const buffers = adapter.limits.maxStorageBuffersPerShaderStage
    if (buffers < storageBuffersNeeded) {
      throw new OctavoError(
        'limits-too-small',
        `This GPU gives a shader ${buffers} storage buffers; Octavo needs ${storageBuffersNeeded}.`,
        'Use a browser or a GPU with core WebGPU support.',
      )
    }
    const requiredLimits = Object.fromEntries(raisedLimits.map((name) => [name, adapter.limits[name]]))
    const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name))
    try {
      const device = await adapter.requestDevice({ requiredLimits, requiredFeatures })
      return new GpuDevice(adapter, device, [...(gpu.wgslLanguageFeatures ?? [])].sort())
    } catch (cause) {
      throw new OctavoError(
        'no-adapter',
        'The GPU was found but refused to open.',
        'Close other pages that use the GPU, or restart the browser, and load again.',
        { cause },
      )
    }
  }

  /** A buffer, counted. Sizes are rounded up to 16 bytes. */
  buffer(label: string, bytes: number, usage: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16)
    if (size > this.info.maxBufferBytes) {
      throw new OctavoError(
        'limits-too-small',
        `The buffer “${label}” needs ${size} bytes; this GPU allows ${this.info.maxBufferBytes} in one buffer.`,
        'Choose a smaller model, or a smaller kvCache.maxTokens.',
      )
    }
    const buffer = this.device.createBuffer({ label, size, usage })
    this.bytes += size
    this.peakBytes = Math.max(this.peakBytes, this.bytes)
    return buffer
  }

  /**
   * A storage buffer of the given bytes, all zero, that can be written and read back, and that a kernel can bind whole.
   *
   * @throws OctavoError 'limits-too-small'
   */
  storage(label: string, bytes: number): GPUBuffer {
    const most = this.device.limits.maxStorageBufferBindingSize
    if (bytes > most) {
      throw new OctavoError(
        'limits-too-small',
        `The buffer “${label}” needs ${bytes} bytes; kernels of this GPU can address ${most}.`,
        'Set a smaller kvCache.maxTokens, maxSequences or tokenBudget, or choose a smaller model.',
      )
    }
    return this.buffer(label, bytes, storageUsage)
  }

  release(buffer: GPUBuffer): void {
    this.bytes -= buffer.size
    buffer.destroy()
  }

  /** Pipelines that were asked for, whether they share a shader or not. */
  get pipelines(): number {
    return this.#pipelines.size
  }

  /** The pipeline of a kernel's variant; the same one for the same question, and for the same shader. */
  pipeline(kernel: AnyKernel, variant: KernelVariant): Promise<Pipeline> {
    const key = JSON.stringify([kernel.shader, variant])
    let pipeline = this.#pipelines.get(key)
    if (!pipeline) {
      pipeline = this.#compile(kernel, variant)
      this.#pipelines.set(key, pipeline)
      pipeline.catch(() => this.#pipelines.delete(key))
    }
    return pipeline
  }

  async #compile(kernel: AnyKernel, variant: KernelVariant): Promise<Pipeline> {
    const linking = linkShader(kernel, variant)
    this.#linking.add(linking)
    try {
      const code = await linking
      const known = this.#byCode.get(code)
      if (known !== undefined) return known
      const pipeline = this.#timed(Pipeline.create(this.device, kernel, variant, code))
      this.#byCode.set(code, pipeline)
      pipeline.catch(() => this.#byCode.delete(code))
      return pipeline
    } finally {
      this.#linking.delete(linking)
    }
  }

  async #timed(compiling: Promise<Pipeline>): Promise<Pipeline> {
    if (this.#compiling.count++ === 0) this.#compiling.since = performance.now()
    try {
      return await compiling
    } finally {
      this.#compiled.count += 1
      if (--this.#compiling.count === 0) this.#compiled.ms += performance.now() - this.#compiling.since
    }
  }

  /** What one pipeline has taken to compile, in milliseconds, on average and beside others; of those that are compiled. */
  get compileMs(): number {
    return this.#compiled.ms / Math.max(1, this.#compiled.count)
  }

  /** Resolves when every pipeline that has been asked for compiles, or has failed to. */
  async compiling(): Promise<void> {
    await Promise.allSettled(this.#linking)
  }

  /**
   * Runs `make`, which creates buffers, and fails if the GPU had no room for one of them.
   *
   * @throws OctavoError 'gpu-out-of-memory'
   */
  async allocating<T>(what: string, make: () => T): Promise<T> {
    this.device.pushErrorScope('out-of-memory')
    let made: T
    try {
      made = make()
    } finally {
      const error = await this.device.popErrorScope()
      if (error) {
        // biome-ignore lint/correctness/noUnsafeFinally: running out of memory explains whatever make() threw
        throw new OctavoError(
          'gpu-out-of-memory',
          `The GPU has no memory for ${what} (${this.bytes} bytes in use).`,
          'Close other pages that use the GPU, choose a smaller model or quantization, or lower kvCache.maxTokens.',
          { cause: new Error(error.message) },
        )
      }
    }
    return made
  }

  /**
   * Runs `run`, which submits steps, and fails if the GPU refused one of its commands: what a refused step was to write stays as it was.
   *
   * @throws Error with the GPU's words
   */
  async accepting<T>(run: () => Promise<T>): Promise<T> {
    this.device.pushErrorScope('validation')
    let result: T
    try {
      result = await run()
    } finally {
      const refused = await this.device.popErrorScope()
      // biome-ignore lint/correctness/noUnsafeFinally: a refused step explains whatever run() threw
      if (refused) throw new Error(`the GPU refused a step: ${refused.message}`)
    }
    return result
  }

  /** With what the device was lost, where something that failed on it just now may have failed for that. */
  whyFailed(): Promise<OctavoError | null> {
    // A browser may reject what was pending before it says why.
    const notLost = new Promise<null>((resolve) => setTimeout(() => resolve(null), lossDelayMs))
    return Promise.race([this.lost, notLost])
  }

  destroy(): void {
    this.#destroyed = true
    this.device.destroy()
    this.bytes = 0
  }
}

function limitsOf({ limits }: GPUDevice): DeviceInfo['limits'] {
  return Object.fromEntries(raisedLimits.map((name) => [name, limits[name]])) as DeviceInfo['limits']
}

function lostError(reason: string): OctavoError {
  return new OctavoError(
    'device-lost',
    `The browser took the GPU away: ${reason || 'no reason given'}`,
    'Load the model again; its weights are still on this device.',
  )
}
