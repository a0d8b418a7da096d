import { splitSize } from '../kernels/attention'
import type { BatchShape, TileShape } from './batch'

/** What grids depend on, each field of the shape; the type asks for those that are added. */
const gridFields = {
  tokens: true,
  chunks: true,
  sequences: true,
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
