import { gpuWithAdapter, replaceMethod } from './watch-device'

/** The same GPU, whose devices have what every one has: no limit raised, and no feature. */
export function plainGpu(gpu: GPU): GPU {
  return changedAdapter(gpu, (adapter) => {
    const request = replaceMethod(adapter, 'requestDevice', () => request())
  })
}

/** The same GPU, whose devices say that they bind no more than so many bytes at once. */
export function narrowGpu(gpu: GPU, maxStorageBufferBindingSize: number): GPU {
  return changedAdapter(gpu, (adapter) => {
    const request = replaceMethod(adapter, 'requestDevice', async (descriptor: GPUDeviceDescriptor) => {
      const device: GPUDevice = await request(descriptor)
      const limits = new Proxy(device.limits, {
        get: (own, name) =>
          name === 'maxStorageBufferBindingSize' ? maxStorageBufferBindingSize : Reflect.get(own, name, own),
      })
      Object.defineProperty(device, 'limits', { value: limits })
      return device
    })
  })
}

function changedAdapter(gpu: GPU, change: (adapter: GPUAdapter) => void): GPU {
  return gpuWithAdapter(gpu, async (options) => {
    const adapter = await gpu.requestAdapter(options)
    if (adapter) change(adapter)
    return adapter
  })
}
