import { watchDevices, watchMethod } from './watch-device'

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
  const wrapped = watchDevices(gpu, (device) => countDevice(device, counts, dispatched))
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
    watchMethod(device, method, () => {
      counts[counter] += 1
    })
  }
  watchMethod(device, 'createBuffer', (buffer) => {
    counts.buffers += 1
    watchMethod(buffer as GPUBuffer, 'mapAsync', () => {
      counts.readbacks += 1
    })
  })
  // A device that does nothing gives the same encoder and pass each time.
  const known = new WeakSet<object>()
  const isNew = (made: unknown) => {
    const first = !known.has(made as object)
    known.add(made as object)
    return first
  }
  watchMethod(device, 'createCommandEncoder', (encoder) => {
    if (!isNew(encoder)) return
    watchMethod(encoder as GPUCommandEncoder, 'beginComputePass', (pass) => {
      counts.passes += 1
      if (!isNew(pass)) return
      let label = ''
      watchMethod(pass as GPUComputePassEncoder, 'setPipeline', (_, [pipeline]) => {
        label = (pipeline as GPUComputePipeline).label
      })
      watchMethod(pass as GPUComputePassEncoder, 'dispatchWorkgroups', () => {
        counts.dispatches += 1
        dispatched.push(label)
      })
    })
  })
  watchMethod(device.queue, 'submit', () => {
    counts.submits += 1
  })
  watchMethod(device.queue, 'writeBuffer', () => {
    counts.bufferWrites += 1
  })
}
