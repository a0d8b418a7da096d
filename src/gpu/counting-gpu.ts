/** What one buffer may be on a GPU that nobody has seen; no plan is refused for it. */
const unbounded = 2 ** 53

/**
 * A GPU that makes nothing: its device has the limits and features of the real one, and buffers without memory. What a
 * model would take is counted by running the code that makes room for it. null: as if there were a GPU of any size.
 */
export function countingGpu(gpu: GPU | null): GPU {
  const requestAdapter = async (options?: GPURequestAdapterOptions) => {
    if (!gpu) return { ...unknownAdapter, requestDevice: countingDevice }
    const adapter = await gpu.requestAdapter(options)
    if (!adapter) return null
    const { info, limits, features } = adapter
    return { info, limits, features, requestDevice: countingDevice }
  }
  return { requestAdapter } as unknown as GPU
}

const unknownAdapter = {
  info: { vendor: '', architecture: '', device: '', description: '' },
  limits: {
    maxStorageBuffersPerShaderStage: 8,
    maxBufferSize: unbounded,
    maxStorageBufferBindingSize: unbounded,
  },
  features: new Set<string>(),
}

async function countingDevice({ requiredLimits, requiredFeatures = [] }: GPUDeviceDescriptor = {}) {
  return {
    limits: requiredLimits,
    features: new Set(requiredFeatures),
    lost: new Promise(() => {}),
    queue: { writeBuffer: () => {} },
    createBuffer: ({ label, size }: GPUBufferDescriptor) => ({ label, size, destroy: () => {} }),
    pushErrorScope: () => {},
    popErrorScope: async () => null,
    destroy: () => {},
  }
}
