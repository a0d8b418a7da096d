import type { Activations } from '../activations'
import type { BatchShape } from '../batch'
import { paddedColumns } from '../matrix'
import type { MadeRow } from '../plan'
import type { NormTensors } from '../tensor-finder'
import type { PlanContext } from './context'

/** Workgroup memory that a product takes beside the row that it makes, at most. */
const besideRowBytes = 2048

/** Whether a workgroup has room for a row of so many values. Where no sequence decodes, no token comes alone. */
export function makesRows(
  { plan, limits }: PlanContext,
  width: number,
  besideBytes = besideRowBytes,
): boolean {
  const { maxComputeWorkgroupStorageSize: most } = plan.gpu.device.limits
  // What is rounded to bytes lies in a buffer.
  if (plan.int8Rows !== null) return false
  return limits.maxSequences > 0 && width % 4 === 0 && 4 * paddedColumns(width) + besideBytes <= most
}

/** The row of x that a product of one token normalizes itself, as the norm does it. */
export function normalizedRow(from: GPUBuffer, norm: NormTensors): MadeRow {
  const { kind, width, weightAt, biasAt, epsilon } = norm
  return {
    x: from,
    conditions: { normalizes: true, centered: kind === 'layer', shifted: biasAt !== null },
    params: { norm_width: width, norm_at: weightAt, norm_bias_at: biasAt ?? 0, norm_eps: epsilon },
  }
}

/**
 * What attention gives one token, which the product merges from the splits itself, as `attentionCombine` does. `kernel` is what
 * that one is told.
 */
export function mergedRow(
  { partials, batch }: Pick<Activations, 'partials' | 'batch'>,
  kernel: {
    readonly constants: Readonly<Record<'heads' | 'value_dim' | 'split_size' | 'window', number>>
    readonly params: Readonly<Record<'tiles_at' | 'splits' | 'sinks_at', number>>
    readonly sinks: boolean
  },
): MadeRow {
  const { heads, value_dim, split_size, window } = kernel.constants
  const { tiles_at, splits, sinks_at } = kernel.params
  return {
    x: partials,
    batch,
    conditions: { combines: true, sinks: kernel.sinks },
    constants: { heads, value_dim, split_size, window },
    params: { tiles_at, splits, sinks_at },
  }
}

/** Tokens of batches whose rows the products do not make. */
export const manyTokens = ({ tokens }: BatchShape): number => (tokens > 1 ? tokens : 0)
