import { GpuDevice } from '../src/gpu/device'
import { hardware, packedDotFeature, pointsFor, software, type Variants } from '../src/model/variants'
import { kvFormats } from '../src/util/kv-format'
import { attentionCases } from './attention-cases'
import { expertCases } from './expert-cases'
import { fusedCases } from './fused-cases'
import { type KernelCase, kernelCase } from './kernel-case'
import { layerProducts, type ModelShape, modelShapes, promptTokens } from './kernel-shapes'
import { timeKernel } from './kernel-timer'
import { productCases } from './product-cases'
import { rowCases } from './row-cases'
import { samplingCases, vocabularies } from './sampling-cases'
import { stateCases } from './state-cases'

/** One kernel's variant on one shape. */
export interface KernelRow {
  readonly model: string
  readonly kernel: string
  readonly what: string
  readonly variant: string
  readonly ms: number
  /** Of what the kernel's record says that it walks. */
  readonly gigabytesPerSecond: number
  /** Of multiplications and additions; null where bytes tell all. */
  readonly gigaflops: number | null
}

export interface KernelBenchOptions {
  /** Names of models whose shapes are measured; none: what depends on no model. */
  readonly models: readonly string[]
  /** Kernels and tensor types to measure; all of them where left out. */
  readonly kernels?: readonly string[]
  readonly types?: readonly string[]
  /**
   * In how many of its eight segments a row of a matrix is summed. With 1, what one order of summation for all variants
   * costs shows; the sums are others.
   */
  readonly segments?: number
}

export interface KernelFigures {
  readonly adapter: string
  readonly rows: readonly KernelRow[]
}

const benchTypes = ['Q4_0', 'Q4_1', 'Q8_0', 'Q6_K', 'F16']

/** Times each kernel on the shapes of models of 135M, 1B and 3B, in each point of the table of variants. */
export async function benchKernels(gpu: GPU, options: KernelBenchOptions): Promise<KernelFigures> {
  const device = await GpuDevice.open(gpu)
  const bench = new KernelBench(device, options)
  const table = pointsFor(device.info)
  for (const model of modelShapes) {
    if (!options.models.includes(model.name)) continue
    for (const variants of table) {
      await bench.layer(model, variants)
    }
  }
  const rest = options.models.length === 0
  for (const vocab of rest ? vocabularies : []) {
    for (const variants of [software, hardware]) await bench.sampling(vocab, variants)
  }
  for (const variants of rest ? [software, hardware] : []) {
    await bench.states(variants)
    await bench.experts(variants)
  }
  const { vendor, architecture, description } = device.info
  device.destroy()
  return { adapter: [vendor, architecture, description].filter(Boolean).join(' '), rows: bench.results }
}

class KernelBench {
  readonly results: KernelRow[] = []

  constructor(
    readonly gpu: GpuDevice,
    readonly options: KernelBenchOptions,
  ) {}

  async #time(model: string, { kernel, what, operations, dispatch }: KernelCase): Promise<void> {
    const { options, gpu } = this
    if (options.kernels && !options.kernels.includes(kernel.shader)) return
    const ms = await timeKernel(gpu, kernel, dispatch)
    const { constants, conditions } = dispatch.variant
    this.results.push({
      model,
      kernel: kernel.shader,
      what,
      variant: [
        describe(constants),
        ...['subgroups', 'half_rows', 'rounds'].filter((name) => conditions?.[name]),
      ].join(', '),
      ms,
      gigabytesPerSecond: kernel.bytes(dispatch.shape, constants) / ms / 1e6,
      gigaflops: operations === null ? null : operations / ms / 1e6,
    })
  }

  /** The kernels of one layer. */
  async layer(model: ModelShape, variants: Variants): Promise<void> {
    const { types = benchTypes, segments = 8 } = this.options
    const packedDot = this.gpu.info.wgslFeatures.includes(packedDotFeature)
    const cases = [
      ...types.flatMap((type) => [
        ...layerProducts(model).flatMap((each) =>
          productCases(each, type, variants, { segments, packedDot }),
        ),
        ...fusedCases(model, type, variants, { packedDot }),
      ]),
      ...kvFormats.flatMap((format) => attentionCases(model, variants, format)),
      ...attentionCases(model, variants, 'f16', 256),
      ...rowCases(model, variants),
    ]
    for (const each of cases) await this.#time(model.name, each)
  }

  /** What hybrids keep of a sequence, for one token and for many. */
  async states(variants: Variants): Promise<void> {
    for (const tokens of [1, promptTokens]) {
      for (const { kernel, model, what, dispatch } of stateCases(tokens, variants)) {
        await this.#time(model, kernelCase(kernel, what, null, dispatch))
      }
    }
  }

  /** A mixture of experts, for one token and for many. */
  async experts(variants: Variants): Promise<void> {
    for (const tokens of [1, promptTokens]) {
      for (const { kernel, what, dispatch } of expertCases(tokens, variants)) {
        await this.#time('OLMoE', kernelCase(kernel, what, null, dispatch))
      }
    }
  }

  /** What happens to one row of logits. */
  async sampling(vocab: number, variants: Variants): Promise<void> {
    for (const { kernel, what, dispatch } of samplingCases(vocab, variants)) {
      await this.#time(`${vocab} ids`, kernelCase(kernel, what, null, dispatch))
    }
  }
}

function describe(constants: Readonly<Record<string, number>>): string {
  const { workgroup_size, segment_lanes, tokens_per_lane } = constants
  const parts = [`${workgroup_size} lanes`]
  if (segment_lanes) parts.push(segment_lanes === 1 ? 'rows whole' : `${segment_lanes} a row`)
  if (tokens_per_lane) parts.push(`4 rows × ${tokens_per_lane} tokens each`)
  return parts.join(', ')
}
