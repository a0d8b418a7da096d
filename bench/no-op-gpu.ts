/** A `GPU` whose devices take every call and do nothing: what is left of a step's time is JavaScript's own. */
export function noOpGpu(): GPU {
  const limit = 2 ** 31
  const limits = {
    maxBufferSize: limit,
    maxStorageBufferBindingSize: limit,
    maxStorageBuffersPerShaderStage: 10,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    minUniformBufferOffsetAlignment: 256,
  }
  const nothing = () => undefined
  const later = () => Promise.resolve()
  const pass = { setPipeline: nothing, setBindGroup: nothing, dispatchWorkgroups: nothing, end: nothing }
  const encoder = {
    beginComputePass: () => pass,
    copyBufferToBuffer: nothing,
    clearBuffer: nothing,
    finish: nothing,
  }
  const device = {
    limits,
    features: new Set<string>(),
    lost: new Promise<never>(nothing),
    queue: { submit: nothing, writeBuffer: nothing, onSubmittedWorkDone: later },
    createBuffer: ({ size }: GPUBufferDescriptor) => ({
      size,
      mapAsync: later,
      getMappedRange: (_: number, bytes = size) => answer(bytes),
      unmap: nothing,
      destroy: nothing,
    }),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createShaderModule: () => ({}),
    createBindGroup: () => ({}),
    createComputePipeline: () => ({}),
    createComputePipelineAsync: async ({ label }: GPUComputePipelineDescriptor) => ({ label }),
    createQuerySet: () => ({}),
    createCommandEncoder: () => encoder,
    pushErrorScope: nothing,
    popErrorScope: async () => null,
    addEventListener: nothing,
    destroy: nothing,
  }
  const info = {
    vendor: 'none',
    architecture: '',
    device: '',
    description: 'no-op',
    isFallbackAdapter: false,
  }
  const adapter = { limits, features: new Set<string>(), info, requestDevice: async () => device }
  // Only what the engine calls is there.
  return { requestAdapter: async () => adapter } as unknown as GPU
}

/** Rows that are alike, id 0 each, of numbers that are not: a load refuses a model whose numbers are all the same. */
function answer(bytes: number): ArrayBuffer {
  const words = new Uint32Array(bytes / 4)
  for (let i = 1; i < words.length; i += 2) words[i] = 1
  return words.buffer
}
