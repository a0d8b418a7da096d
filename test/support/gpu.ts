import { inject } from 'vitest'
import { GpuDevice } from '../../src/gpu/device'
import { bufferUsage, mapRead } from '../../src/gpu/flags'
import type { Binding, Kernel, KernelVariant, ParamType } from '../../src/gpu/kernel'
import { ParamsArena } from '../../src/gpu/pipeline'
import {
  candidatesFor,
  chooseVariants,
  pointsFor,
  software,
  type VariantKind,
  type Variants,
} from '../../src/model/variants'

type Words = Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>

/** What a binding holds before the dispatch; a number stands for so many zero words. */
type Input = Words | number

/** The GPU that the tests run on. A machine without one fails them. */
export function openTestGpu(): Promise<GpuDevice> {
  if (!navigator.gpu) throw new Error('this browser has no WebGPU: its tests cannot run')
  return GpuDevice.open(navigator.gpu)
}

/**
 * SwiftShader runs slowly, and has no f16: there a test takes its few most telling shapes. Others, such as lavapipe, take
 * more shapes, and seconds to compile a pipeline.
 */
export function isQuick(gpu: GpuDevice): boolean {
  return gpu.info.features.includes('shader-f16')
}

/**
 * The points of the table of variants that adapters like this one begin with, whatever it would choose; with `--own-point` that one
 * alone.
 */
export function testVariants({ info }: GpuDevice): readonly Variants[] {
  return inject('ownPoint') ? chooseVariants(info).slice(0, 1) : pointsFor(info)
}

/** Of these, each that differs from those before in one of some kinds. */
export function distinctPoints(gpu: GpuDevice, kinds: readonly VariantKind[]): readonly Variants[] {
  const own = (variants: Variants) => JSON.stringify(kinds.map((kind) => variants[kind]))
  const all = testVariants(gpu)
  return all.filter((variants, i) => all.findIndex((each) => own(each) === own(variants)) === i)
}

/** All points of a kind that the adapter runs; with `--own-point` the one that it would choose. */
export function testCandidates<Kind extends VariantKind>(
  gpu: GpuDevice,
  kind: Kind,
): readonly Variants[Kind][] {
  return inject('ownPoint')
    ? testVariants(gpu).map((variants) => variants[kind])
    : candidatesFor(kind, gpu.info)
}

/** The universal point, with rows that each workgroup makes by itself, as GPUs have them. */
export const fusedSoftware: Variants = { ...software, ownNorms: 1, mergedSplits: 4 }

interface Run<Shape> {
  readonly variant: KernelVariant
  readonly inputs: Readonly<Record<string, Input>>
  readonly params: Readonly<Record<string, number>>
  readonly shape: Shape
}

/** What the bindings that a kernel writes hold after the dispatch. */
export class Outputs {
  constructor(readonly buffers: ReadonlyMap<string, ArrayBuffer>) {}

  floats(name: string): Float32Array<ArrayBuffer> {
    return new Float32Array(this.buffers.get(name)!)
  }

  words(name: string): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.buffers.get(name)!)
  }
}

/** Runs one kernel once, with a buffer of its own for each binding, and reads back what it may write. */
export async function runKernel<Shape>(
  gpu: GpuDevice,
  // biome-ignore lint/suspicious/noExplicitAny: any kernel, whatever it binds
  kernel: Kernel<Shape, any, Record<string, ParamType>, any>,
  { variant, inputs, params, shape }: Run<Shape>,
): Promise<Outputs> {
  const { device } = gpu
  const pipeline = await gpu.pipeline(kernel as unknown as Kernel<never>, variant)
  device.pushErrorScope('validation')
  const made: GPUBuffer[] = []
  const make = (label: string, bytes: number, usage: number) => {
    const buffer = gpu.buffer(label, bytes, usage)
    made.push(buffer)
    return buffer
  }
  const buffers: Record<string, GPUBuffer> = {}
  const encoder = device.createCommandEncoder()
  const storage = bufferUsage.storage | bufferUsage.copyDst | bufferUsage.copySrc
  for (const name of Object.keys(kernel.bindings)) {
    const input = inputs[name]
    if (input === undefined) throw new Error(`${kernel.shader}: no input for ${name}`)
    const bytes = typeof input === 'number' ? 4 * input : input.byteLength
    const buffer = make(name, bytes, storage)
    buffers[name] = buffer
    if (typeof input !== 'number') device.queue.writeBuffer(buffer, 0, input)
  }
  const arena = new ParamsArena(device, make)
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline.gpu)
  pass.setBindGroup(0, pipeline.bind(device, buffers, arena.add(pipeline, params)))
  pass.dispatchWorkgroups(...kernel.grid(shape, variant.constants))
  pass.end()
  device.queue.submit([encoder.finish()])
  const error = await device.popErrorScope()
  if (error) throw new Error(`${kernel.shader}: ${error.message}`)
  const results = new Map<string, ArrayBuffer>()
  for (const [name, binding] of Object.entries(kernel.bindings as Record<string, Binding>)) {
    if (binding.access === 'read') continue
    const input = inputs[name]!
    const bytes = typeof input === 'number' ? 4 * input : input.byteLength
    results.set(name, await readBuffer(gpu, buffers[name]!, bytes))
  }
  for (const buffer of made) gpu.release(buffer)
  return new Outputs(results)
}

/** The first bytes of a buffer, through a copy. */
export async function readBuffer(gpu: GpuDevice, buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  const copy = gpu.buffer('read back', bytes, bufferUsage.mapRead | bufferUsage.copyDst)
  const encoder = gpu.device.createCommandEncoder()
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, Math.min(copy.size, buffer.size))
  gpu.device.queue.submit([encoder.finish()])
  await copy.mapAsync(mapRead)
  const read = copy.getMappedRange().slice(0, bytes)
  gpu.release(copy)
  return read
}
