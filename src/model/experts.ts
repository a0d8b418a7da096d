import { combineExperts, route, tileExperts } from '../kernels/experts'
import { mostTiles } from '../kernels/matmul'
import type { BatchShape } from './batch'
import type { ExpertGroups } from './experts-description'
import type { PlanBuilder } from './plan'
import type { Variants } from './variants'

/** How a layer chooses experts for a token; see `route`. */
export interface Router {
  readonly experts: number
  /** Experts that a token takes. */
  readonly top: number
  readonly scores: 'softmax' | 'sigmoid'
  /** Where the layer's constants have a bias for each expert that counts in the choice alone. */
  readonly correctionAt: number | null
  /** Choice by groups of experts: of so many the best `top`, by their best expert or by their best two. */
  readonly groups: ExpertGroups | null
  /** What is added to the sum that shares are divided by; null: they are not. */
  readonly renormalizeEps: number | null
  readonly scale: number
}

/** Of which experts the products of a step are. */
export interface ProductRoutes {
  readonly experts: number
  readonly top: number
  /** u32 [1 + tokens · top]: the number of entries, and each one's expert */
  readonly chosen: GPUBuffer
  /** By tokens a lane of the product takes, u32: see `tileExperts` */
  readonly tiles: ReadonlyMap<number, GPUBuffer>
}

/** Which experts the tokens of a step take, written anew by each layer. */
export interface ExpertRoutes extends ProductRoutes {
  /** f32 [tokens, top] */
  readonly shares: GPUBuffer
}

/** Tiles that some variants' products go by. */
export const tileSizes = [4, 8] as const

export function createRoutes(
  { experts, top }: Pick<Router, 'experts' | 'top'>,
  maxTokens: number,
  words: (label: string, count: number) => GPUBuffer,
): ExpertRoutes {
  const tiles = new Map<number, GPUBuffer>()
  for (const lane of tileSizes) {
    const most = mostTiles(maxTokens * top, experts, lane)
    tiles.set(lane, words(`tiles of experts, u32 by ${lane}`, 1 + most * (1 + lane)))
  }
  return {
    experts,
    top,
    chosen: words('chosen experts, u32 [1 + tokens · top]', 1 + maxTokens * top),
    shares: words('shares of experts, f32 [tokens, top]', maxTokens * top),
    tiles,
  }
}

/** By which tiles a batch's products go; null: each token reads its own experts. */
export function tileSizeFor(
  { experts, top }: ProductRoutes,
  { matmul }: Variants,
  tokens: number,
): number | null {
  const entries = tokens * top
  if (tokens === 1 || 2 * entries <= experts) return null
  return entries <= 4 * experts ? 4 : matmul.tokens_per_lane
}

/** The tiles that a plan of these variants has use for. */
export function tilesFor({ tiles }: ProductRoutes, { matmul }: Variants) {
  return [...tiles].filter(([size]) => size <= matmul.tokens_per_lane)
}

interface RouteStep {
  /** f32 [tokens, experts] */
  readonly logits: GPUBuffer
  /** The layer's small tensors. */
  readonly constants: GPUBuffer
  readonly routes: ExpertRoutes
  readonly tokens: (batch: BatchShape) => number
}

/** Chooses each token's experts, and for many tokens sorts them into tiles. */
export function planRoutes(plan: PlanBuilder, router: Router, step: RouteStep): void {
  const { logits, constants, routes } = step
  const { chosen, shares } = routes
  const { experts, top, groups, correctionAt, renormalizeEps, scale } = router
  const workgroup_size = plan.variants.rowLanes
  plan.add(route, {
    variant: {
      constants: { workgroup_size, experts, top, groups: groups?.count ?? 1, top_groups: groups?.top ?? 1 },
      conditions: {
        logistic: router.scores === 'sigmoid',
        corrected: correctionAt !== null,
        best_two: groups?.by === 'best-two',
        renormalized: renormalizeEps !== null,
      },
    },
    buffers: { logits, constants, routes: chosen, shares },
    params: { correction_at: correctionAt ?? 0, eps: renormalizeEps ?? 0, scale },
    shape: (batch) => (step.tokens(batch) > 0 ? { tokens: step.tokens(batch) } : null),
  })
  for (const [tokens_per_lane, buffer] of tilesFor(routes, plan.variants)) {
    plan.add(tileExperts, {
      variant: { constants: { workgroup_size, experts, tokens_per_lane } },
      buffers: { routes: chosen, tiles: buffer },
      params: {},
      shape: (batch) => {
        const tokens = step.tokens(batch)
        const tiled = tokens > 0 && tileSizeFor(routes, plan.variants, tokens) === tokens_per_lane
        return tiled ? { entries: tokens * top } : null
      },
    })
  }
}

interface CombineStep {
  /** f32 [tokens · top, partsStride]: what each expert gave */
  readonly parts: GPUBuffer
  readonly partsStride: number
  readonly routes: ExpertRoutes
  readonly y: GPUBuffer
  readonly yStride: number
  readonly width: number
  readonly scale?: number
  readonly residual: boolean
  readonly tokens: (batch: BatchShape) => number
}

/** Sums what a token's experts gave, by their shares. */
export function planCombine(plan: PlanBuilder, step: CombineStep): void {
  const { parts, partsStride, routes, y, yStride, width, scale = 1, residual } = step
  plan.add(combineExperts, {
    variant: {
      constants: { workgroup_size: plan.variants.rowLanes, top: routes.top },
      conditions: { residual },
    },
    buffers: { parts, shares: routes.shares, y },
    params: { width, parts_stride: partsStride, y_stride: yStride, scale },
    shape: (batch) => (step.tokens(batch) > 0 ? { tokens: step.tokens(batch), width } : null),
  })
}
