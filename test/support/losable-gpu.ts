import { watchDevices } from './watch-device'

/** A GPU whose devices can be taken away. */
export class LosableGpu {
  readonly devices: GPUDevice[] = []
  readonly gpu: GPU

  constructor(gpu: GPU) {
    this.gpu = watchDevices(gpu, (device) => this.devices.push(device))
  }

  /** Takes the newest away. */
  lose(): void {
    this.devices.at(-1)!.destroy()
  }
}
