import type { GpuDevice } from '../src/gpu/device'
import type { Kernel, KernelVariant, ParamType } from '../src/gpu/kernel'
import { ParamsArena } from '../src/gpu/pipeline'

export interface TimedDispatch<Shape> {
  readonly variant: KernelVariant
  /** Words of each binding, or what it holds. */
  readonly buffers: Readonly<Record<string, number | Uint32Array<ArrayBuffer>>>
  readonly params: Readonly<Record<string, number>>
  readonly shape: Shape
}

const leastMs = 60
const repeats = 4
const mostDispatches = 500

/** A dispatch with all that it binds, to be timed as often as wanted. */
interface Timeable {
  /** Milliseconds of one dispatch of `count` in one pass. */
  readonly time: (count: number) => Promise<number>
  readonly release: () => void
}

export async function timeable<Shape>(
  gpu: GpuDevice,
  // biome-ignore lint/suspicious/noExplicitAny: any kernel, whatever it binds
  kernel: Kernel<Shape, any, Record<string, ParamType>, any>,
  { variant, buffers, params, shape }: TimedDispatch<Shape>,
): Promise<Timeable> {
  const { device } = gpu
  const pipeline = await gpu.pipeline(kernel as unknown as Kernel<never>, variant)
  const made: GPUBuffer[] = []
  const bound: Record<string, GPUBuffer> = {}
  for (const [name, content] of Object.entries(buffers)) {
    const words = typeof content === 'number' ? filled(content) : content
    const buffer = gpu.storage(name, words.byteLength)
    device.queue.writeBuffer(buffer, 0, words)
    bound[name] = buffer
    made.push(buffer)
  }
  const arena = new ParamsArena(device, (label, bytes, usage) => gpu.buffer(label, bytes, usage))
  const group = pipeline.bind(device, bound, arena.add(pipeline, params))
  const grid = kernel.grid(shape, variant.constants)
  return {
    time: async (count) => {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(pipeline.gpu)
      pass.setBindGroup(0, group)
      for (let i = 0; i < count; i++) pass.dispatchWorkgroups(...grid)
      pass.end()
      const started = performance.now()
      device.queue.submit([encoder.finish()])
      await device.queue.onSubmittedWorkDone()
      return (performance.now() - started) / count
    },
    release: () => {
      for (const buffer of [...made, ...arena.buffers]) gpu.release(buffer)
    },
  }
}

/**
 * Milliseconds of one dispatch: of short ones many in one pass, the best of some submits. Each finds its data where the one before left
 * it, so small matrices come from a cache.
 */
export async function timeKernel<Shape>(
  gpu: GpuDevice,
  // biome-ignore lint/suspicious/noExplicitAny: any kernel, whatever it binds
  kernel: Kernel<Shape, any, Record<string, ParamType>, any>,
  dispatch: TimedDispatch<Shape>,
): Promise<number> {
  const { time, release } = await timeable(gpu, kernel, dispatch)
  await time(1)
  let best = await time(1)
  const count = Math.max(1, Math.min(mostDispatches, Math.ceil(leastMs / best)))
  // One that takes as long by itself is steady enough.
  for (let i = count > 1 ? 0 : repeats - 1; i < repeats; i++) best = Math.min(best, await time(count))
  release()
  return best
}

/** Words that are small numbers as f32 and as two f16 alike, so that no kernel meets an infinity. */
function filled(words: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(words).fill(0x2e662e66)
}
