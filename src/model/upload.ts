import type { GpuDevice } from '../gpu/device'
import { bufferUsage } from '../gpu/flags'
import { packParams } from '../gpu/kernel'
import type { Pipeline } from '../gpu/pipeline'
import type { Packing } from '../kernels/packing'
import type { Planes } from '../kernels/weights/format'
import type { TensorInfo, WeightSink } from '../util/model-file'
import type { Matrix } from './matrix'
import type { MatrixNote } from './quantized/scheme'

/** A unit of a tensor whose bytes have not all come. */
interface Seam {
  readonly bytes: Uint8Array<ArrayBuffer>
  missing: number
}

/** Raw bytes of a tensor that go to one shard. */
interface Target {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly packing: Packing
  readonly buffer: GPUBuffer
  readonly planes: Planes
  readonly params: Readonly<Record<string, number>>
  /** Units that lie across two pieces, by their offset in the file. */
  readonly seams: Map<number, Seam>
}

/** A small tensor that the CPU wants whole. */
interface Constant {
  readonly tensor: TensorInfo
  readonly bytes: Uint8Array<ArrayBuffer>
  missing: number
}

const mostStagingBytes = 4 * 1024 * 1024
/** Submits whose staging writes the browser may hold in memory at once. */
const writesInFlight = 4

/**
 * Takes a file's bytes in any order and any pieces and lays them out on the GPU through repack kernels. Holds no more
 * than a staging buffer and the blocks that the pieces cut in two.
 */
export class WeightUploader implements WeightSink {
  readonly #targets: Target[] = []
  readonly #constants = new Map<string, Constant>()
  readonly #notes: { matrix: Matrix; note: MatrixNote; constants: readonly Constant[] }[] = []
  readonly #stagingBytes: number
  readonly #staging: GPUBuffer
  readonly #params: GPUBuffer
  readonly #bindGroups = new Map<Target, GPUBindGroup>()
  readonly #pipelines = new Map<Packing, Pipeline>()
  #queue: Promise<void> = Promise.resolve()
  #writes = 0

  private constructor(
    readonly gpu: GpuDevice,
    readonly floats: readonly TensorInfo[],
  ) {
    this.#stagingBytes = Math.min(mostStagingBytes, gpu.info.maxBindingBytes - 256)
    this.#staging = gpu.storage('staging', this.#stagingBytes + 256)
    this.#params = gpu.buffer('repack params', 256, bufferUsage.uniform | bufferUsage.copyDst)
  }

  static async create(
    gpu: GpuDevice,
    matrices: readonly Matrix[],
    constants: readonly TensorInfo[],
  ): Promise<WeightUploader> {
    const uploader = new WeightUploader(gpu, constants)
    for (const matrix of new Set(matrices)) {
      uploader.#addMatrix(matrix)
      for (const note of matrix.source.notes ?? []) {
        uploader.#notes.push({
          matrix,
          note,
          constants: note.tensors.map((tensor) => uploader.#keep(tensor)),
        })
      }
    }
    for (const tensor of constants) uploader.#keep(tensor)
    uploader.#targets.sort((a, b) => a.from - b.from)
    const compile = async (packing: Packing) => {
      const { kernel, conditions = {}, moduleConstants = {} } = packing
      const variant = { constants: { workgroup_size: 64 }, conditions, moduleConstants }
      uploader.#pipelines.set(packing, await gpu.pipeline(kernel, variant))
    }
    await Promise.all([...new Set(uploader.#targets.map(({ packing }) => packing))].map(compile))
    return uploader
  }

  #keep(tensor: TensorInfo): Constant {
    const { name, bytes } = tensor
    const constant = this.#constants.get(name) ?? { tensor, bytes: new Uint8Array(bytes), missing: bytes }
    this.#constants.set(name, constant)
    return constant
  }

  #addMatrix({ columns, source, shards }: Matrix): void {
    for (const { tensor, tensorRow = 0, firstRow, rows, packing } of source.parts) {
      for (const { buffer, planes, ...shard } of shards) {
        const begin = Math.max(firstRow, shard.firstRow)
        const end = Math.min(firstRow + rows, shard.firstRow + shard.rows)
        if (begin >= end) continue
        const { from, to, params } = packing.place({
          firstRow: tensorRow + begin - firstRow,
          rows: end - begin,
          shardRow: begin - shard.firstRow,
          columns,
        })
        this.#targets.push({
          name: tensor.name,
          from: tensor.offset + from,
          to: tensor.offset + to,
          packing,
          buffer,
          planes,
          params,
          seams: new Map(),
        })
      }
    }
  }

  /** One piece after another, so that all can share the staging buffer. */
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const done = this.#queue.then(() => this.#write(offset, bytes))
    this.#queue = done.catch(() => undefined)
    return done
  }

  async #write(offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const end = offset + bytes.length
    for (const constant of this.#constants.values()) {
      const from = Math.max(offset, constant.tensor.offset)
      const to = Math.min(end, constant.tensor.offset + constant.tensor.bytes)
      if (from >= to) continue
      constant.bytes.set(bytes.subarray(from - offset, to - offset), from - constant.tensor.offset)
      constant.missing -= to - from
    }
    for (const target of this.#targets) {
      const from = Math.max(offset, target.from)
      const to = Math.min(end, target.to)
      if (from < to) await this.#writeTarget(target, from, bytes.subarray(from - offset, to - offset))
    }
  }

  async #writeTarget(target: Target, from: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const unit = target.packing.unitBytes
    const to = from + bytes.length
    const firstWhole = target.from + Math.ceil((from - target.from) / unit) * unit
    // The target's end is the end of its last unit, however short.
    const lastWhole = to === target.to ? to : target.from + Math.floor((to - target.from) / unit) * unit
    if (firstWhole > from)
      await this.#seam(target, firstWhole - unit, from, bytes.subarray(0, Math.min(firstWhole, to) - from))
    if (lastWhole < to && lastWhole >= firstWhole)
      await this.#seam(target, lastWhole, lastWhole, bytes.subarray(lastWhole - from))
    const stagingUnits = Math.floor(this.#stagingBytes / unit)
    for (let at = firstWhole; at < lastWhole; at += stagingUnits * unit) {
      const part = bytes.subarray(at - from, Math.min(lastWhole, at + stagingUnits * unit) - from)
      await this.#repack(target, at, part)
    }
  }

  async #seam(target: Target, block: number, from: number, bytes: Uint8Array): Promise<void> {
    const length = Math.min(target.packing.unitBytes, target.to - block)
    const seam = target.seams.get(block) ?? { bytes: new Uint8Array(length), missing: length }
    seam.bytes.set(bytes, from - block)
    seam.missing -= bytes.length
    if (seam.missing > 0) {
      target.seams.set(block, seam)
      return
    }
    target.seams.delete(block)
    await this.#repack(target, block, seam.bytes)
  }

  async #repack(target: Target, from: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { device } = this.gpu
    const { kernel, unitBytes } = target.packing
    const count = Math.ceil(bytes.length / unitBytes)
    const pipeline = this.#pipelines.get(target.packing)!
    writePadded(device.queue, this.#staging, bytes)
    const params = packParams(kernel.params, {
      source: 0,
      first: (from - target.from) / unitBytes,
      count,
      ...target.planes,
      plane: target.packing.plane ? target.planes[target.packing.plane] : 0,
      ...target.params,
    })
    device.queue.writeBuffer(this.#params, 0, params)
    let bindGroup = this.#bindGroups.get(target)
    if (!bindGroup) {
      const buffers = { raw: this.#staging, planes: target.buffer }
      bindGroup = pipeline.bind(device, buffers, { buffer: this.#params, size: params.byteLength })
      this.#bindGroups.set(target, bindGroup)
    }
    const encoder = device.createCommandEncoder({ label: 'repack' })
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline.gpu)
    pass.setBindGroup(0, bindGroup)
    pass.dispatchWorkgroups(...kernel.grid({ count, bytes: bytes.length }, { workgroup_size: 64 }))
    pass.end()
    device.queue.submit([encoder.finish()])
    this.#writes += 1
    if (this.#writes % writesInFlight === 0) await device.queue.onSubmittedWorkDone()
  }

  /**
   * Waits for the GPU and reads the notes beside matrices; the constants by tensor name, as f32. Frees the staging buffer.
   *
   * @throws OctavoError where a note says what cannot be
   */
  async finish(): Promise<ReadonlyMap<string, Float32Array<ArrayBuffer>>> {
    await this.#queue
    const missing =
      [...this.#constants.values()].find((constant) => constant.missing > 0)?.tensor ??
      this.#targets.find(({ seams }) => seams.size > 0)
    if (missing) throw new Error(`the weights ended before ${missing.name} was whole`)
    for (const { matrix, note, constants } of this.#notes) {
      const words = note.read(constants.map(({ bytes }) => bytes))
      if (words === null) continue
      for (const { buffer, planes } of matrix.shards) {
        this.gpu.device.queue.writeBuffer(buffer, 4 * planes.table, words)
      }
    }
    await this.gpu.device.queue.onSubmittedWorkDone()
    this.gpu.release(this.#staging)
    this.gpu.release(this.#params)
    const floats = this.floats.map(
      ({ name, type }) => [name, toFloats(type, this.#constants.get(name)!.bytes)] as const,
    )
    return new Map(floats)
  }
}

function writePadded(queue: GPUQueue, buffer: GPUBuffer, bytes: Uint8Array<ArrayBuffer>): void {
  const whole = bytes.length - (bytes.length % 4)
  if (whole > 0) queue.writeBuffer(buffer, 0, bytes, 0, whole)
  if (whole < bytes.length) {
    const rest = new Uint8Array(4)
    rest.set(bytes.subarray(whole))
    queue.writeBuffer(buffer, whole, rest)
  }
}

/** F32, F16 or BF16 as f32. */
function toFloats(type: string, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  if (type === 'F32') return new Float32Array(bytes.slice().buffer)
  const bits = new Uint16Array(bytes.slice().buffer)
  if (type === 'BF16') return new Float32Array(Uint32Array.from(bits, (value) => value << 16).buffer)
  return Float32Array.from(bits, (value) => {
    const exponent = (value >> 10) & 31
    const fraction = value & 1023
    const sign = value & 0x8000 ? -1 : 1
    if (exponent === 0) return sign * fraction * 2 ** -24
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  })
}
