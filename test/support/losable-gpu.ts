/** The browser's GPU, whose devices can be taken away. */
export class LosableGpu {
  readonly devices: GPUDevice[] = []
  readonly gpu: GPU

  constructor() {
    const requestAdapter = async (options?: GPURequestAdapterOptions) => {
      const adapter = await navigator.gpu.requestAdapter(options)
      if (!adapter) return null
      const requestDevice = adapter.requestDevice.bind(adapter)
      adapter.requestDevice = async (descriptor) => {
        const device = await requestDevice(descriptor)
        this.devices.push(device)
        return device
      }
      return adapter
    }
    this.gpu = { requestAdapter, wgslLanguageFeatures: navigator.gpu.wgslLanguageFeatures } as GPU
  }

  /** Takes the newest away. */
  lose(): void {
    this.devices.at(-1)!.destroy()
  }
}
