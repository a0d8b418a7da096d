// biome-ignore lint/suspicious/noExplicitAny: any method of any WebGPU object
type Method = (...args: any[]) => any

/** The same GPU with another way to ask for its adapter. */
export function gpuWithAdapter(gpu: GPU, requestAdapter: GPU['requestAdapter']): GPU {
  return Object.create(gpu, {
    requestAdapter: { value: requestAdapter },
    // A getter of the browser's, which works on its own objects only.
    wgslLanguageFeatures: { get: () => gpu.wgslLanguageFeatures },
  })
}

/** Wraps a `GPU` so that `seen` meets every device that it gives before anybody else does. */
export function watchDevices(gpu: GPU, seen: (device: GPUDevice) => void): GPU {
  return gpuWithAdapter(gpu, async (options) => {
    const adapter = await gpu.requestAdapter(options)
    if (!adapter) return null
    const requestDevice = adapter.requestDevice.bind(adapter)
    replaceMethod(adapter, 'requestDevice', async (descriptor?: GPUDeviceDescriptor) => {
      const device = await requestDevice(descriptor)
      seen(device)
      return device
    })
    return adapter
  })
}

/** Puts another method in the place of one, on the object itself; gives the one before, bound to the object. */
export function replaceMethod(target: object, name: string, method: Method): Method {
  const original = (target as Record<string, Method>)[name]!.bind(target)
  Object.defineProperty(target, name, { value: method, configurable: true })
  return original
}

/** Calls `seen` with the result and the arguments before each call of the method returns. */
export function watchMethod(
  target: object,
  name: string,
  seen: (result: unknown, args: readonly unknown[]) => void,
): void {
  const original = replaceMethod(target, name, (...args) => {
    const result = original(...args)
    seen(result, args)
    return result
  })
}
