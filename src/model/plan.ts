import type { GpuDevice } from '../gpu/device'
import type { Grid, Kernel, KernelVariant, ParamType } from '../gpu/kernel'
import { type Dispatch, ParamsArena } from '../gpu/pipeline'
import { type Activation, activates } from '../kernels/activation'
import { splitSize } from '../kernels/attention'
import { type MatmulShape, matmul, matvec, plainProduct } from '../kernels/matmul'
import { groupWeights, reads } from '../kernels/weights/format'
import type { Invariance } from '../util/invariance'
import type { BatchShape, TileShape } from './batch'
import { type Matrix, matrixBytes } from './matrix'
import type { Variants } from './variants'

export type Plan = readonly Dispatch<BatchShape>[]

/** What grids depend on, each field of the shape; the type asks for those that are added. */
const gridFields = {
  tokens: true,
  chunks: true,
  logitRows: true,
  sampleRows: true,
  adjusts: true,
  wantsLogprobs: true,
} satisfies Record<Exclude<keyof BatchShape, 'decode' | 'prefill'>, true>
const gridFieldNames = Object.keys(gridFields) as (keyof typeof gridFields)[]

/** Whether every dispatch has the same grid for both. A context that grows within its last split changes none. */
export function sameGrids(one: BatchShape, other: BatchShape): boolean {
  for (const field of gridFieldNames) if (one[field] !== other[field]) return false
  return sameTiles(one.decode, other.decode) && sameTiles(one.prefill, other.prefill)
}

/** `contextTokens` counts bytes; no grid asks for it. */
function sameTiles(one: TileShape, other: TileShape): boolean {
  const splits = ({ maxContext }: TileShape) => Math.ceil(maxContext / splitSize)
  return one.tiles === other.tiles && one.tokens === other.tokens && splits(one) === splits(other)
}

interface Step<Shape> {
  readonly variant: KernelVariant
  readonly buffers: Readonly<Record<string, GPUBuffer>>
  readonly params: Readonly<Record<string, number>>
  /** The kernel's shape for a batch; null where the batch has nothing for it. */
  readonly shape: (batch: BatchShape) => Shape | null
}

/** What becomes of a product as it is stored, in the kernels' order; see `matvec`. */
interface Epilogue {
  /** Gate over up: half as many values are written. */
  readonly gated?: boolean
  /** In the gated form silu where left out, else none. */
  readonly activation?: Activation
  /** The layer's small tensors, where the bias or the activation is among them. */
  readonly constants?: GPUBuffer
  /** Where they have a bias for each row. */
  readonly biasAt?: number | null
  readonly scale?: number | null
  /** Of the soft cap. */
  readonly cap?: number | null
  readonly residual?: boolean
}

interface MatrixStep extends Epilogue {
  readonly x: GPUBuffer
  /** f32 values from one token's row to the next, and to where it begins: fours. Rows of the matrix's columns where left out. */
  readonly xStride?: number
  readonly xOffset?: number
  readonly y: GPUBuffer
  /** f32 values from one token's result to the next. */
  readonly yStride: number
  readonly yOffset?: number
  readonly tokens: (batch: BatchShape) => number
}

/** Puts a forward pass together: pipelines compile side by side, the order of the calls is the order of the plan. */
export class PlanBuilder {
  readonly #params: ParamsArena
  readonly #dispatches: Promise<Dispatch<BatchShape>>[] = []

  constructor(
    readonly gpu: GpuDevice,
    readonly variants: Variants,
    readonly invariance: Invariance,
  ) {
    this.#params = new ParamsArena(gpu.device, (label, bytes, usage) => gpu.buffer(label, bytes, usage))
  }

  add<Shape, Params extends Record<string, ParamType>>(
    // biome-ignore lint/suspicious/noExplicitAny: the plan does not care what a kernel binds
    kernel: Kernel<Shape, any, Params, any>,
    step: Step<Shape>,
  ): void {
    const { constants } = step.variant
    this.#dispatches.push(
      this.gpu.pipeline(kernel as unknown as Kernel<never>, step.variant).then((pipeline) => ({
        pipeline,
        bindGroup: pipeline.bind(this.gpu.device, step.buffers, this.#params.add(pipeline, step.params)),
        grid: (batch): Grid | null => {
          const shape = step.shape(batch)
          return shape === null ? null : kernel.grid(shape, constants)
        },
        bytes: (batch): number => {
          const shape = step.shape(batch)
          return shape === null ? 0 : kernel.bytes(shape, constants)
        },
      })),
    )
  }

  /** One dispatch a shard: matvec for one token, matmul for more, in the form that fits their number. */
  multiply(matrix: Matrix, step: MatrixStep): void {
    const { residual = false, gated = false } = step
    const { xStride = matrix.groups * groupWeights, xOffset = 0, yOffset = 0 } = step
    const { biasAt = null, scale = null, cap = null } = step
    const { constants: chosen, params } = activates(step.activation ?? { kind: gated ? 'silu' : 'none' })
    if (gated && matrix.shards.length > 1) throw new Error('a gated matrix lies in one buffer')
    for (const shard of matrix.shards) {
      const shape = (tokens: number): MatmulShape => ({
        tokens,
        rows: shard.rows,
        outputs: gated ? shard.rows / 2 : shard.rows,
        columns: matrix.columns,
        weightBytes: (matrixBytes(matrix) * shard.rows) / matrix.rows,
        residual,
      })
      const eighth = Math.ceil(matrix.groups / 8)
      const common = (segment_groups: number) => ({
        buffers: { weights: shard.buffer, x: step.x, constants: step.constants ?? shard.buffer, y: step.y },
        params: {
          ...plainProduct,
          ...params,
          rows: shard.rows,
          groups: matrix.groups,
          segment_groups,
          ...shard.planes,
          x_stride: xStride / 4,
          x_offset: xOffset / 4,
          y_stride: step.yStride,
          y_offset: yOffset + shard.firstRow,
          bias_at: (biasAt ?? 0) + shard.firstRow,
          scale: scale ?? 1,
          cap: cap ?? 1,
        },
      })
      const format = reads(matrix.format)
      const variant = {
        ...format,
        conditions: {
          ...format.conditions,
          gated,
          biased: biasAt !== null,
          scaled: scale !== null && scale !== 1,
          capped: cap !== null,
          residual,
          subgroups: this.variants.subgroups,
        },
      }
      this.add(matvec, {
        ...common(eighth),
        variant: { ...variant, constants: { ...this.variants.matvec, ...chosen } },
        shape: (batch) => (step.tokens(batch) === 1 ? shape(1) : null),
      })
      const { matmul: constants, tokensPerLane } = this.variants
      for (const tokens_per_lane of new Set([4, tokensPerLane])) {
        const most = tokens_per_lane === tokensPerLane ? Number.POSITIVE_INFINITY : tokens_per_lane
        const least = tokens_per_lane === 4 ? 2 : 5
        this.add(matmul, {
          // A row in one go is not what matvec sums.
          ...common(this.invariance === 'on' ? eighth : matrix.groups),
          variant: { ...variant, constants: { ...constants, tokens_per_lane, ...chosen } },
          shape: (batch) => {
            const tokens = step.tokens(batch)
            return tokens >= least && tokens <= most ? shape(tokens) : null
          },
        })
      }
    }
  }

  build(): Promise<Plan> {
    return Promise.all(this.#dispatches)
  }
}
