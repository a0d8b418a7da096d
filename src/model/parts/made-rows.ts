import type { Activations } from '../activations'
import type { BatchShape } from '../batch'
import { hasRoomFor } from '../made-room'
import { paddedColumns } from '../matrix'
import type { MadeRow } from '../product-steps'
import type { NormTensors } from '../tensor-finder'
import type { PlanContext } from './context'

/** What says whether a kernel makes its rows itself, of a norm or of splits: a product, or what rounds rows to bytes. */
type Making = 'ownNorms' | 'mergedSplits' | 'roundedNorms' | 'roundedSplits'

/** Whether rows of so many values are made so. Where no sequence decodes, no token comes alone to a product. */
export function makesRows({ plan, limits, variants }: PlanContext, width: number, making: Making): boolean {
  const alone = making === 'ownNorms' || making === 'mergedSplits'
  if (variants[making] === 0 || (alone && limits.maxSequences === 0)) return false
  return width % 4 === 0 && hasRoomFor(plan.gpu, 4 * paddedColumns(width))
}

/** A row that is normalized as it is read, as the norm does it. */
export function normalizedRow(from: GPUBuffer, norm: NormTensors, by: MadeRow['by']): MadeRow {
  const { kind, width, weightAt, biasAt, epsilon } = norm
  return {
    by,
    x: from,
    conditions: { normalizes: true, centered: kind === 'layer', shifted: biasAt !== null },
    params: { norm_width: width, norm_at: weightAt, norm_bias_at: biasAt ?? 0, norm_eps: epsilon },
  }
}

/** What attention gives one token, merged from the splits as it is read, as `attentionCombine` does. `kernel` is what that one is told. */
export function mergedRow(
  { partials, batch }: Pick<Activations, 'partials' | 'batch'>,
  kernel: {
    readonly constants: Readonly<Record<'heads' | 'value_dim' | 'split_size' | 'window', number>>
    readonly params: Readonly<Record<'tiles_at' | 'splits' | 'sinks_at', number>>
    readonly sinks: boolean
  },
  by: MadeRow['by'],
): MadeRow {
  const { heads, value_dim, split_size, window } = kernel.constants
  const { tiles_at, splits, sinks_at } = kernel.params
  return {
    by,
    x: partials,
    batch,
    conditions: { combines: true, sinks: kernel.sinks },
    constants: { heads, value_dim, split_size, window },
    params: { tiles_at, splits, sinks_at },
  }
}

/** Tokens of batches whose rows the products do not make. */
export const manyTokens = ({ tokens }: BatchShape): number => (tokens > 1 ? tokens : 0)
