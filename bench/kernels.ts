import { GpuDevice } from '../src/gpu/device'
import type { Kernel, ParamType } from '../src/gpu/kernel'
import { activates } from '../src/kernels/activation'
import {
  attentionCombine,
  attentionDecode,
  attentionPrefill,
  decodeHeads,
  prefillTile,
  splitSize,
  visibleSplits,
} from '../src/kernels/attention'
import { weightFormats } from '../src/kernels/formats'
import { plainHeads } from '../src/kernels/heads'
import { int8Matmul, int8Matvec, int8Stride, int8TokensPerLane } from '../src/kernels/int8-products'
import { int8GroupWords, int8Rows } from '../src/kernels/int8-rows'
import { kvBits, kvRegionWords } from '../src/kernels/kv-format'
import { matmul, matvec, plainProduct } from '../src/kernels/matmul'
import { norm } from '../src/kernels/norm'
import { pool, poolings } from '../src/kernels/pool'
import { fusedRow, ropeKv } from '../src/kernels/rope-kv'
import { reads } from '../src/kernels/weights/format'
import { blockSize } from '../src/model/kv-cache'
import { hardware, packedDotFeature, pointsFor, software, type Variants } from '../src/model/variants'
import { type KvFormat, kvFormats } from '../src/util/kv-format'
import { expertCases } from './expert-cases'
import { layerProducts, type ModelShape, modelShapes, type Product } from './kernel-shapes'
import { type TimedDispatch, timeKernel } from './kernel-timer'
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
  /** Names of models, of kernels and of tensor types to measure; all of them where left out. */
  readonly models?: readonly string[]
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

const promptTokens = 64
const contextTokens = 1024
const benchTypes = ['Q4_0', 'Q4_1', 'Q8_0', 'Q6_K', 'F16']

/** Times each kernel on the shapes of models of 135M, 1B and 3B, in each point of the table of variants. */
export async function benchKernels(gpu: GPU, options: KernelBenchOptions = {}): Promise<KernelFigures> {
  const device = await GpuDevice.open(gpu)
  const bench = new KernelBench(device, options)
  const table = pointsFor(device.info)
  for (const model of modelShapes) {
    if (options.models && !options.models.includes(model.name)) continue
    for (const variants of table) {
      for (const type of options.types ?? benchTypes) {
        for (const product of layerProducts(model)) await bench.product(model, variants, type, product)
      }
      for (const format of kvFormats) await bench.attention(model, variants, format)
      await bench.attention(model, variants, 'f16', 256)
      await bench.rows(model, variants)
    }
  }
  for (const vocab of options.models ? [] : vocabularies) {
    for (const variants of [software, hardware]) await bench.sampling(vocab, variants)
  }
  for (const variants of options.models ? [] : [software, hardware]) {
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

  async #time<Shape>(
    // biome-ignore lint/suspicious/noExplicitAny: any kernel, whatever it binds
    kernel: Kernel<Shape, any, Record<string, ParamType>, any>,
    about: {
      readonly model: Pick<ModelShape, 'name'>
      readonly what: string
      readonly operations: number | null
    },
    dispatch: TimedDispatch<Shape>,
  ): Promise<void> {
    const { options, gpu } = this
    if (options.kernels && !options.kernels.includes(kernel.shader)) return
    const ms = await timeKernel(gpu, kernel, dispatch)
    const { constants } = dispatch.variant
    this.results.push({
      model: about.model.name,
      kernel: kernel.shader,
      what: about.what,
      variant: describe(constants) + (dispatch.variant.conditions?.subgroups ? ', subgroups' : ''),
      ms,
      gigabytesPerSecond: kernel.bytes(dispatch.shape, constants) / ms / 1e6,
      gigaflops: about.operations === null ? null : about.operations / ms / 1e6,
    })
  }

  /** One token through matvec, many through matmul. */
  async product(model: ModelShape, variants: Variants, type: string, product: Product): Promise<void> {
    const { rows, columns, residual, gated } = product
    const format = weightFormats.get(type)
    if (!format) throw new Error(`there is no tensor type ${type}`)
    if (columns % format.unitWeights !== 0) return
    const groups = columns / 32
    const planes = format.planes(rows * groups)
    const outputs = gated ? rows / 2 : rows
    const activation = activates({ kind: gated ? 'silu' : 'none' })
    const forms = [1, promptTokens].flatMap((tokens) =>
      (format.integers ? [false, true] : [false]).map((inBytes) => ({ tokens, inBytes })),
    )
    for (const { tokens, inBytes } of forms) {
      const many = tokens > 1
      const [few, most] = inBytes
        ? ([variants.int8Matvec, { ...variants.int8Matmul, tokens_per_lane: int8TokensPerLane }] as const)
        : ([{ ...variants.matvec, columns: 1 }, variants.matmul] as const)
      const { subgroups, ...point } = many ? most : few
      const what = `${product.name} ${type} [${rows}, ${columns}] × ${tokens}`
      const packed_dot = inBytes && this.gpu.info.wgslFeatures.includes(packedDotFeature)
      await this.#time(
        inBytes ? (many ? int8Matmul : int8Matvec) : many ? matmul : matvec,
        { model, what, operations: 2 * rows * columns * tokens },
        {
          variant: {
            constants: { ...point, ...activation.constants },
            ...reads(format),
            conditions: { ...format.conditions, residual, gated, packed_dot, subgroups },
          },
          buffers: {
            weights: planes.words,
            x: (inBytes ? 4 * int8Stride(columns) : columns) * Math.max(8, tokens),
            constants: 4,
            routes: 4,
            y: outputs * Math.max(8, tokens),
          },
          params: {
            ...plainProduct,
            rows,
            groups,
            segment_groups: Math.ceil(groups / (this.options.segments ?? 8)),
            ...planes,
            x_stride: inBytes ? int8Stride(columns) : columns / 4,
            y_stride: outputs,
            y_offset: 0,
          },
          shape: { tokens, rows, outputs, columns, weightBytes: 4 * planes.words, residual },
        },
      )
    }
  }

  /** Decode at a long context, and the last tiles of a prompt of that length. */
  async attention(model: ModelShape, variants: Variants, format: KvFormat, window = 0): Promise<void> {
    const { heads, kvHeads, headDim } = model
    const kv_bits = kvBits[format]
    const head = {
      ...plainHeads.constants,
      window,
      head_dim: headDim,
      value_dim: headDim,
      heads,
      kv_heads: kvHeads,
      block_size: blockSize,
      kv_bits,
      split_size: splitSize,
    }
    const blocks = contextTokens / blockSize
    const table = Uint32Array.from({ length: blocks }, (_, i) => (5 * i) % blocks)
    const values_at = blocks * kvHeads * kvRegionWords(format, headDim, blockSize)
    const cache = 2 * values_at
    const splits = visibleSplits(contextTokens, window)
    const context = { maxContext: contextTokens }
    const { attentionDecode: decodePoint, attentionPrefill: prefillPoint } = variants
    const what = `context ${contextTokens}${window > 0 ? `, window ${window}` : ''}, ${format}`

    const decode = { tiles: 1, tokens: 1, contextTokens, ...context }
    const partials = heads * splits * (4 + headDim)
    const batch = Uint32Array.from([0, 1, contextTokens - 1, 0, contextTokens, ...table])
    const cacheParams = { ...plainHeads.params, tiles_at: 0, tables_at: 5, values_at }
    const operations = 4 * heads * headDim * (window || contextTokens)
    await this.#time(
      attentionDecode,
      { model, what, operations },
      {
        variant: {
          constants: {
            ...head,
            workgroup_size: decodePoint.workgroup_size,
            most_heads: decodeHeads(decodePoint.most_heads, headDim, decodePoint.workgroup_size),
          },
          conditions: { subgroups: decodePoint.subgroups },
        },
        buffers: { q: heads * headDim, cache, batch, partials },
        params: { ...cacheParams, splits },
        shape: decode,
      },
    )
    await this.#time(
      attentionCombine,
      { model, what, operations: null },
      {
        variant: { constants: { ...head, workgroup_size: 16 } },
        buffers: { partials, batch, constants: 4, y: heads * headDim },
        params: { ...cacheParams, splits, y_stride: (heads * headDim) / 4 },
        shape: decode,
      },
    )

    const tile = prefillTile(heads / kvHeads, prefillPoint.most_lanes)
    const first = contextTokens - promptTokens
    const tiles: number[] = []
    for (let done = 0; done < promptTokens; done += tile.tokens) {
      tiles.push(done, Math.min(tile.tokens, promptTokens - done), first + done, 0, contextTokens)
    }
    const count = tiles.length / 5
    await this.#time(
      attentionPrefill,
      { model, what: `${what}, × ${promptTokens}`, operations: operations * promptTokens },
      {
        variant: {
          constants: { ...head, workgroup_size: tile.lanes, most_heads: prefillPoint.most_lanes },
          conditions: { subgroups: prefillPoint.subgroups },
        },
        buffers: {
          q: promptTokens * heads * headDim,
          cache,
          batch: Uint32Array.from([...tiles, ...table]),
          constants: 4,
          y: promptTokens * heads * headDim,
        },
        params: { ...cacheParams, tables_at: tiles.length, y_stride: (heads * headDim) / 4 },
        shape: { tiles: count, tokens: promptTokens, contextTokens: count * contextTokens, ...context },
      },
    )
    const width = (heads + 2 * kvHeads) * headDim
    await this.#time(
      ropeKv,
      { model, what: `${format}, × 1`, operations: null },
      {
        variant: { constants: { ...head, rope_dim: headDim, workgroup_size: variants.headLanes } },
        buffers: {
          qkv: width,
          rope: headDim,
          batch: new Uint32Array(4),
          constants: 4,
          q: heads * headDim,
          cache,
        },
        params: {
          ...cacheParams,
          ...fusedRow(head),
          positions_at: 0,
          slots_at: 1,
          rope_quads: headDim / 4,
          scale: 1,
        },
        shape: { tokens: 1 },
      },
    )
  }

  /** Kernels that walk one row. */
  async rows(model: ModelShape, variants: Variants): Promise<void> {
    const { hidden } = model
    await this.#time(
      norm,
      { model, what: '× 1', operations: null },
      {
        variant: { constants: { workgroup_size: variants.rowLanes }, conditions: { weighted: true } },
        buffers: { x: hidden, constants: hidden, y: hidden },
        params: {
          width: hidden,
          x_stride: hidden,
          x_offset: 0,
          y_stride: hidden,
          y_offset: 0,
          weight_offset: 0,
          weight_stride: 0,
          bias_offset: 0,
          eps: 1e-5,
          scale: 1,
        },
        shape: { tokens: 1, width: hidden },
      },
    )
    for (const rows of [1, promptTokens]) {
      await this.#time(
        int8Rows,
        { model, what: `× ${rows}`, operations: null },
        {
          variant: { constants: { workgroup_size: variants.headLanes } },
          buffers: { x: rows * hidden, y: (rows * hidden * int8GroupWords) / 32 },
          params: { x_stride: hidden / 4, x_offset: 0, groups: hidden / 32 },
          shape: { tokens: rows, columns: hidden },
        },
      )
    }
    const tokens = 256
    await this.#time(
      pool,
      { model, what: `mean of ${tokens} rows`, operations: null },
      {
        variant: {
          constants: { workgroup_size: variants.rowLanes, pooling: poolings.indexOf('mean') },
          conditions: { normalized: true },
        },
        buffers: { x: tokens * hidden, batch: Uint32Array.of(0, tokens), y: hidden },
        params: { sequences_at: 0, width: hidden, stride: hidden, y_stride: hidden },
        shape: { sequences: 1, tokens, width: hidden },
      },
    )
  }

  /** What hybrids keep of a sequence, for one token and for many. */
  async states(variants: Variants): Promise<void> {
    for (const tokens of [1, promptTokens]) {
      for (const { kernel, model, what, dispatch } of stateCases(tokens, variants)) {
        await this.#time(kernel, { model: { name: model }, what, operations: null }, dispatch)
      }
    }
  }

  /** A mixture of experts, for one token and for many. */
  async experts(variants: Variants): Promise<void> {
    for (const tokens of [1, promptTokens]) {
      for (const { kernel, what, dispatch } of expertCases(tokens, variants)) {
        await this.#time(kernel, { model: { name: 'OLMoE' }, what, operations: null }, dispatch)
      }
    }
  }

  /** What happens to one row of logits. */
  async sampling(vocab: number, variants: Variants): Promise<void> {
    for (const { kernel, what, dispatch } of samplingCases(vocab, variants)) {
      await this.#time(kernel, { model: { name: `${vocab} ids` }, what, operations: null }, dispatch)
    }
  }
}

function describe(constants: Readonly<Record<string, number>>): string {
  const { workgroup_size, segment_lanes, rows_per_lane, tokens_per_lane } = constants
  const parts = [`${workgroup_size} lanes`]
  if (segment_lanes) parts.push(segment_lanes === 1 ? 'rows whole' : `${segment_lanes} a row`)
  if (rows_per_lane) parts.push(`${rows_per_lane} rows × ${tokens_per_lane} tokens each`)
  return parts.join(', ')
}
