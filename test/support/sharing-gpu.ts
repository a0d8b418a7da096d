import { gpuWithAdapter, replaceMethod } from './watch-device'

/** A device of the browser's, with what was compiled on it. */
interface Compiler {
  readonly device: GPUDevice
  /** Kept: a collected adapter takes its device with it in some implementations. */
  readonly adapter: GPUAdapter
  readonly made: Map<string, object>
  readonly numbers: WeakMap<object, number>
}

const compilers = new Map<string, Promise<Compiler>>()

/** What a device makes once for all that ask for the same, by the names of its methods. */
const compiles: readonly string[] = [
  'createShaderModule',
  'createBindGroupLayout',
  'createPipelineLayout',
  'createComputePipelineAsync',
]

/**
 * The browser's GPU, with devices that share what they compile and nothing else: a test file that loads a model ten times
 * compiles its kernels once. Software adapters take seconds for them, SwiftShader ten for a tiny model. Buffers are each
 * device's own, and go with it.
 */
export function sharingGpu(): GPU {
  const { gpu } = navigator
  return gpuWithAdapter(gpu, async (options) => {
    const adapter = await gpu.requestAdapter(options)
    if (!adapter) return null
    const requestDevice = replaceMethod(adapter, 'requestDevice', async (descriptor: GPUDeviceDescriptor) => {
      const key = JSON.stringify(descriptor)
      let compiler = compilers.get(key)
      if (compiler === undefined) {
        compiler = requestDevice(descriptor).then(
          (device: GPUDevice): Compiler => ({ device, adapter, made: new Map(), numbers: new WeakMap() }),
        ) as Promise<Compiler>
        compilers.set(key, compiler)
      }
      return share(await compiler)
    })
    return adapter
  })
}

/** Another device for its holder: methods that are replaced on it are replaced on it alone. */
function share({ device, made, numbers }: Compiler): GPUDevice {
  const own: { destroy(): void }[] = []
  let end: (info: GPUDeviceLostInfo) => void = () => {}
  const lost = new Promise<GPUDeviceLostInfo>((resolve) => {
    end = resolve
    void device.lost.then(resolve)
  })
  const keptOnce = (name: string) => (descriptor: object) => {
    // Of modules and layouts that a descriptor names, their numbers.
    const key = JSON.stringify([name, descriptor], (_, value) => numbers.get(value) ?? value)
    let object = made.get(key)
    if (!object) {
      object = (device as unknown as Record<string, (descriptor: object) => object>)[name]!(descriptor)
      made.set(key, object)
      numbers.set(object, made.size)
      if (object instanceof Promise) object.catch(() => made.delete(key))
    }
    return object
  }
  const ownMade =
    <Descriptor, Made extends { destroy(): void }>(make: (descriptor: Descriptor) => Made) =>
    (descriptor: Descriptor) => {
      const object = make(descriptor)
      own.push(object)
      return object
    }
  const methods: Record<string | symbol, unknown> = {
    ...Object.fromEntries(compiles.map((name) => [name, keptOnce(name)])),
    createBuffer: ownMade(device.createBuffer.bind(device)),
    createQuerySet: ownMade(device.createQuerySet.bind(device)),
    lost,
    destroy: () => {
      for (const object of own) object.destroy()
      end({ reason: 'destroyed', message: '' } as GPUDeviceLostInfo)
    },
  }
  return new Proxy(methods, {
    get: (held, name) => {
      if (name in held) return held[name]
      const value = (device as unknown as Record<string | symbol, unknown>)[name]
      return typeof value === 'function' ? value.bind(device) : value
    },
  }) as unknown as GPUDevice
}
