import { bufferUsage, mapRead } from '../../src/gpu/flags'
import type { Repo } from './safetensors-repo'
import { watchDevices, watchMethod } from './watch-device'

/** Buffers of rows that a model's device has, by their labels. */
export class RowsOnDevice {
  readonly gpu: GPU
  readonly #buffers: GPUBuffer[] = []
  #device: GPUDevice | null = null

  constructor() {
    this.gpu = watchDevices(navigator.gpu, (device) => {
      this.#device = device
      watchMethod(device, 'createBuffer', (buffer) => this.#buffers.push(buffer as GPUBuffer))
    })
  }

  /** What those whose label begins so hold now, f32. */
  async read(label: RegExp): Promise<Float32Array[]> {
    const device = this.#device!
    // What a model has no use for is of the least size.
    const all = this.#buffers.filter((buffer) => label.test(buffer.label) && buffer.size > 16)
    const copies = all.map(({ size }) =>
      device.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyDst }),
    )
    const encoder = device.createCommandEncoder()
    for (const [i, buffer] of all.entries()) encoder.copyBufferToBuffer(buffer, 0, copies[i]!, 0, buffer.size)
    device.queue.submit([encoder.finish()])
    await Promise.all(copies.map((copy) => copy.mapAsync(mapRead)))
    return copies.map((copy) => new Float32Array(copy.getMappedRange().slice(0)))
  }
}

const countFields = ['num_hidden_layers', 'n_layers', 'n_layer']

/** The model of a repo, cut behind its first layers. */
export function firstLayers({ header, bytes }: Repo, count: number): Repo {
  const { config } = header.texts
  const counts = countFields.filter((field) => field in config).map((field) => [field, count])
  const types = Array.isArray(config.layer_types) ? { layer_types: config.layer_types.slice(0, count) } : {}
  const isKept = (name: string) => Number(/layers?\.(\d+)\./.exec(name)?.[1] ?? 0) < count
  return {
    header: {
      ...header,
      tensors: header.tensors.filter(({ name }) => isKept(name)),
      texts: { ...header.texts, config: { ...config, ...Object.fromEntries(counts), ...types } },
    },
    bytes,
  }
}
