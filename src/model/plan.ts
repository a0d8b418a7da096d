import type { GpuDevice } from '../gpu/device'
import type { Binding, Grid, Kernel, KernelVariant, ParamType } from '../gpu/kernel'
import { type Dispatch, ParamsArena } from '../gpu/pipeline'
import type { Invariance } from '../util/invariance'
import type { BatchShape } from './batch'
import { tileSizeFor, tilesFor } from './experts'
import type { Matrix } from './matrix'
import { productOf } from './product-dispatch'
import type { ExpertStep, MatrixStep } from './product-steps'
import {
  ownRounding,
  type RoundedBuffer,
  type RoundedInput,
  RoundedRows,
  takesHalfRows,
} from './rounded-rows'
import { packedDotFeature, pointAt, type Variants } from './variants'

export type Plan = readonly Dispatch<BatchShape>[]

interface Step<Shape> {
  /** `tacticOf` the kernel, where its point may be chosen by itself. */
  readonly tactic?: string
  readonly variant: KernelVariant
  readonly buffers: Readonly<Record<string, GPUBuffer>>
  readonly params: Readonly<Record<string, number>>
  /** The kernel's shape for a batch; null where the batch has nothing for it. */
  readonly shape: (batch: BatchShape) => Shape | null
}

/** How many columns a lane of `matvec` takes, in rising order. */
export function matvecColumns({ matvecTokens }: Pick<Variants, 'matvecTokens'>): readonly number[] {
  return [1, 2, 4, 8].filter((columns) => columns <= matvecTokens)
}

/** Puts a forward pass together: pipelines compile side by side, the order of the calls is the order of the plan. */
export class PlanBuilder {
  readonly #params: ParamsArena
  readonly #dispatches: Promise<Dispatch<BatchShape>>[] = []
  /** Where products that take rounded rows find them; null: none does. */
  readonly #rounded: RoundedRows | null
  /** What fills a buffer, should something read it. */
  #later: { readonly buffer: GPUBuffer; readonly fill: () => void } | null = null

  constructor(
    readonly gpu: GpuDevice,
    readonly variants: Variants,
    readonly invariance: Invariance,
    /** For rows that are rounded for products. */
    rounded: RoundedBuffer | null = null,
  ) {
    this.#rounded = rounded && new RoundedRows(rounded, variants)
    this.#params = new ParamsArena(gpu.device, (label, bytes, usage) => gpu.buffer(label, bytes, usage))
  }

  add<Shape, Params extends Record<string, ParamType>>(
    // biome-ignore lint/suspicious/noExplicitAny: the plan does not care what a kernel binds
    kernel: Kernel<Shape, any, Params, any>,
    step: Step<Shape>,
  ): void {
    const { constants } = step.variant
    for (const [name, { access }] of Object.entries<Binding>(kernel.bindings)) {
      const buffer = step.buffers[name]!
      if (buffer === this.#later?.buffer) this.#fillNow()
      if (access === 'read_write') this.#rounded?.forget(buffer)
    }
    this.#dispatches.push(
      this.gpu.pipeline(kernel as unknown as Kernel<never>, step.variant).then((pipeline) => ({
        pipeline,
        bindGroup: pipeline.bind(this.gpu.device, step.buffers, this.#params.add(pipeline, step.params)),
        grid: (batch): Grid | null => {
          const shape = step.shape(batch)
          return shape === null ? null : kernel.grid(shape, constants)
        },
        shape: step.shape as (batch: BatchShape) => object | null,
        tactic: step.tactic ?? null,
        bytes: (batch): number => {
          const shape = step.shape(batch)
          return shape === null ? 0 : kernel.bytes(shape, constants)
        },
      })),
    )
  }

  /** What would have been filled later is wanted no more: something else is about to fill it. */
  fillNoMore(buffer: GPUBuffer): void {
    if (this.#later?.buffer === buffer) this.#later = null
  }

  /** Fills a buffer with rows that are also made as they are read: where something does read them from there. */
  fillLater(buffer: GPUBuffer, fill: () => void): void {
    this.#later = { buffer, fill }
    this.#rounded?.forget(buffer)
  }

  #fillNow(): void {
    const { fill } = this.#later!
    this.#later = null
    fill()
  }

  /** Whether products take integers where they can: `precision` is 'fast'. */
  get inBytes(): boolean {
    return this.#rounded?.of.to === 'bytes'
  }

  /** Whether products with it take integers. */
  takesBytes({ format }: Matrix): boolean {
    return this.inBytes && format.integers === true
  }

  /** Where rows lie that are rounded for products with the matrix. */
  roundedFor(matrix: Matrix, input: RoundedInput): GPUBuffer {
    this.#rounded!.put(this, matrix, input)
    return this.#rounded!.of.buffer
  }

  /** One dispatch a shard: matvec for few tokens, matmul for more, in the form that fits their number. */
  multiply(matrix: Matrix, step: MatrixStep): void {
    const rounded = this.takesBytes(matrix) ? this.#rounded : null
    const made = step.made?.by.includes(rounded ? 'rounding' : 'product') ? step.made : null
    const makes = made ? (step.makes ?? null) : null
    const inBytes = rounded?.of.buffer
    const inF16 = takesHalfRows(this.#rounded?.of ?? null, this.variants) ? this.#rounded!.of.buffer : null
    const own = rounded && ownRounding(this, matrix, step.x, made)
    // Only one token's row is made for some batches and not for others.
    rounded?.put(this, matrix, { ...step, ...(own ? { made: makes ? null : made, least: 2 } : { made }) })
    for (const shard of matrix.shards) {
      const { rows } = shard
      const halves = matrix.source.halves === true
      const first = halves ? shard.firstRow / 2 : shard.firstRow
      const shape = `${matrix.format.name} [${rows}, ${matrix.columns}]`
      const product = productOf(
        this,
        matrix,
        shard,
        step,
        {
          rows,
          y_offset: (step.yOffset ?? 0) + first,
          bias_at: (step.biasAt ?? 0) + first,
          bias_skip: halves ? (matrix.rows - rows) / 2 : 0,
        },
        { tactic: shape },
      )
      /** `making` null: whether the product makes its row itself or not. */
      const at =
        (least: number, most: number, making: boolean | null = null) =>
        (batch: BatchShape) => {
          const tokens = step.tokens(batch)
          if (making !== null && makes !== null && makes(batch) !== making) return null
          return tokens >= least && tokens <= most ? tokens : null
        }
      let least = step.leastTokens ?? 1
      if (inBytes) {
        if (least === 1) {
          if (own) product.add({ columns: 1, made: own }, inBytes, at(1, 1, true))
          else product.add({ columns: 1, inBytes }, inBytes, at(1, 1))
          // There is room for a row that is not made where there is for one that is.
          const stored = own && makes && ownRounding(this, matrix, step.x, null)
          if (stored) product.add({ columns: 1, made: stored }, inBytes, at(1, 1, false))
        }
        const tokensPerLane = pointAt(this.variants, 'int8Matmul', shape).tokens_per_lane
        product.add({ tokensPerLane, inBytes }, inBytes, at(2, Number.POSITIVE_INFINITY))
        continue
      }
      for (const columns of matvecColumns(this.variants).filter((each) => each >= least)) {
        const makesRow = made !== null && columns === 1
        if (makesRow) product.add({ columns, made }, step.x, at(1, 1, true))
        if (!makesRow || makes) product.add({ columns }, step.x, at(least, columns, makesRow ? false : null))
        least = columns + 1
      }
      if (inF16) this.#rounded!.put(this, matrix, { ...step, made: null, least })
      const most = pointAt(this.variants, 'matmul', shape).tokens_per_lane
      const taken = inF16 ? { inF16 } : {}
      if (most > 4 && least <= 4) {
        product.add({ tokensPerLane: 4, ...taken }, step.x, at(least, 4))
        least = 5
      }
      product.add({ tokensPerLane: most, ...taken }, step.x, at(least, Number.POSITIVE_INFINITY))
    }
  }

  /**
   * The same with a stack of experts' matrices [experts · rows, columns]: for each token those that it was routed to. Where
   * tokens are too few to share many experts, each reads its own by matvec.
   */
  multiplyExperts(matrix: Matrix, step: ExpertStep): void {
    const { routes, xRows, xStep = 0 } = step
    const { experts, top, chosen } = routes
    const rows = matrix.rows / experts
    const stack = { experts, xRepeats: xRows === 'tokens' ? top : 1 }
    for (const shard of matrix.shards) {
      const product = productOf(
        this,
        matrix,
        shard,
        step,
        {
          rows,
          y_offset: step.yOffset ?? 0,
          bias_at: step.biasAt ?? 0,
          first_expert: shard.firstRow / rows,
          shard_experts: shard.rows / rows,
          x_repeats: stack.xRepeats,
          x_step: xStep / 4,
        },
        { stack },
      )
      const entries = (tokensPerLane: number | null) => (batch: BatchShape) => {
        const tokens = step.tokens(batch)
        return tokens > 0 && tileSizeFor(routes, this.variants, tokens) === tokensPerLane
          ? tokens * top
          : null
      }
      product.add({ columns: 1 }, chosen, entries(null))
      for (const [size, tiles] of tilesFor(routes, this.variants)) {
        product.add({ tokensPerLane: size }, tiles, entries(size))
      }
    }
  }

  /** Whether products of integers take them four at a time. */
  get packedDot(): boolean {
    return this.variants.packedDot === 1 && this.gpu.info.wgslFeatures.includes(packedDotFeature)
  }

  build(): Promise<Plan> {
    return Promise.all(this.#dispatches)
  }
}
