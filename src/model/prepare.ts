import type { GpuDevice } from '../gpu/device'
import type { TensorInfo, WeightSink } from '../util/model-file'
import { abortedError } from '../util/octavo-error'
import type { DroppedVariants } from './model-info'
import type { RopeDescription } from './rope'
import type { ModelTensors } from './tensors'
import { WeightUploader } from './upload'
import { chooseVariants, type Variants } from './variants'
import { type ModelWeights, writeConstants } from './weights'

interface Preparation<Runner> {
  readonly gpu: GpuDevice
  readonly tensors: ModelTensors
  readonly weights: ModelWeights
  readonly ropeTables: ReadonlyMap<RopeDescription, GPUBuffer>
  readonly signal: AbortSignal
  /** To be tried in this order. Default: what the device is known to like, then the universal ones. */
  readonly variants?: readonly Variants[]
  readonly createRunner: (variants: Variants) => Promise<Runner>
  /** Throws where the runner computes wrongly. */
  readonly check: (runner: Runner) => Promise<void>
}

export interface PreparedRunner<Runner> {
  readonly runner: Runner
  readonly variants: Variants
  /** What was tried before. */
  readonly dropped: readonly DroppedVariants[]
}

interface Preparing<Runner> {
  /** Where the file's bytes go. */
  readonly sink: WeightSink
  /** After the last byte: the first runner that computes rightly. */
  finish(): Promise<PreparedRunner<Runner>>
}

/** Begins to compile a model's kernels, and takes its weights into the room that has been made. */
export async function prepareRunner<Runner>({
  gpu,
  tensors,
  weights,
  ropeTables,
  signal,
  ...given
}: Preparation<Runner>): Promise<Preparing<Runner>> {
  const uploader = await WeightUploader.create(gpu, weights.matrices, smallTensors(tensors))
  throwIfAborted(signal)
  const candidates = [...(given.variants ?? chooseVariants(gpu.info))]
  // Compiles while the weights stream in; a failure is reported when the plan is wanted.
  const firstRunner = given.createRunner(candidates[0]!)
  firstRunner.catch(() => undefined)
  const finish = async (): Promise<PreparedRunner<Runner>> => {
    writeConstants(gpu, tensors, weights, ropeTables, await uploader.finish())
    const dropped: DroppedVariants[] = []
    for (const variants of candidates) {
      try {
        const runner = await (variants === candidates[0] ? firstRunner : given.createRunner(variants))
        throwIfAborted(signal)
        await given.check(runner)
        return { runner, variants, dropped }
      } catch (error) {
        if (signal.aborted || variants === candidates.at(-1)) throw error
        dropped.push({ name: variants.name, reason: error instanceof Error ? error.message : String(error) })
      }
    }
    throw new Error('there are no variants to run')
  }
  return { sink: uploader, finish }
}

/** What the CPU packs before it goes to the GPU. */
function smallTensors({ constants, layers }: ModelTensors): readonly TensorInfo[] {
  const all = [constants, ...layers.map((layer) => layer.constants)]
  return all.flatMap(({ entries }) => entries.map(({ tensor }) => tensor))
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortedError('Loading the model', signal)
}
