/** What a device was asked to do between `reset` and now, counted at the device and not from any plan. */
export interface DeviceCounts {
  dispatches: number
  passes: number
  submits: number
  /** Buffers whose mapping for reading was asked for. */
  readbacks: number
  bufferWrites: number
  buffers: number
  bindGroups: number
  layouts: number
  pipelines: number
  shaderModules: number
  querySets: number
}

const none: DeviceCounts = {
  dispatches: 0,
  passes: 0,
  submits: 0,
  readbacks: 0,
  bufferWrites: 0,
  buffers: 0,
  bindGroups: 0,
  layouts: 0,
  pipelines: 0,
  shaderModules: 0,
  querySets: 0,
}

export interface CountingGpu {
  readonly gpu: GPU
  readonly counts: DeviceCounts
  /** The label of each dispatch's pipeline, in order. */
  readonly dispatched: readonly string[]
  reset(): void
}

/** Wraps a `GPU` so that every device it gives is counted. Methods are replaced on the objects themselves. */
export function countingGpu(gpu: GPU): CountingGpu {
  const counts = { ...none }
  const dispatched: string[] = []
  const wrapped: GPU = Object.create(gpu, {
    requestAdapter: {
      value: async (options?: GPURequestAdapterOptions) => {
        const adapter = await gpu.requestAdapter(options)
        if (!adapter) return null
        const requestDevice = adapter.requestDevice.bind(adapter)
        replace(adapter, 'requestDevice', async (descriptor?: GPUDeviceDescriptor) => {
          const device = await requestDevice(descriptor)
          countDevice(device, counts, dispatched)
          return device
        })
        return adapter
      },
    },
  })
  const reset = () => {
    Object.assign(counts, none)
    dispatched.length = 0
  }
  return { gpu: wrapped, counts, dispatched, reset }
}

/** Objects of things created; zero in a decode step. */
export function objectsCreated(counts: DeviceCounts): number {
  const { buffers, bindGroups, layouts, pipelines, shaderModules, querySets } = counts
  return buffers + bindGroups + layouts + pipelines + shaderModules + querySets
}

// biome-ignore lint/suspicious/noExplicitAny: any method of any WebGPU object
type Method = (...args: any[]) => any

function replace(target: object, name: string, method: Method): void {
  Object.defineProperty(target, name, { value: method, configurable: true })
}

/** Calls `seen` with the result and the arguments before each call of the method returns. */
function watch(
  target: object,
  name: string,
  seen: (result: unknown, args: readonly unknown[]) => void,
): void {
  const original = (target as Record<string, Method>)[name]!.bind(target)
  replace(target, name, (...args) => {
    const result = original(...args)
    seen(result, args)
    return result
  })
}

function countDevice(device: GPUDevice, counts: DeviceCounts, dispatched: string[]): void {
  const counters: Readonly<Record<string, keyof DeviceCounts>> = {
    createBindGroup: 'bindGroups',
    createBindGroupLayout: 'layouts',
    createPipelineLayout: 'layouts',
    createComputePipeline: 'pipelines',
    createComputePipelineAsync: 'pipelines',
    createShaderModule: 'shaderModules',
    createQuerySet: 'querySets',
  }
  for (const [method, counter] of Object.entries(counters)) {
    watch(device, method, () => {
      counts[counter] += 1
    })
  }
  watch(device, 'createBuffer', (buffer) => {
    counts.buffers += 1
    watch(buffer as GPUBuffer, 'mapAsync', () => {
      counts.readbacks += 1
    })
  })
  watch(device, 'createCommandEncoder', (encoder) => {
    watch(encoder as GPUCommandEncoder, 'beginComputePass', (pass) => {
      counts.passes += 1
      let label = ''
      watch(pass as GPUComputePassEncoder, 'setPipeline', (_, [pipeline]) => {
        label = (pipeline as GPUComputePipeline).label
      })
      watch(pass as GPUComputePassEncoder, 'dispatchWorkgroups', () => {
        counts.dispatches += 1
        dispatched.push(label)
      })
    })
  })
  watch(device.queue, 'submit', () => {
    counts.submits += 1
  })
  watch(device.queue, 'writeBuffer', () => {
    counts.bufferWrites += 1
  })
}
