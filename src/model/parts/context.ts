import type { Activations } from '../activations'
import type { BatchLayout, BatchShape } from '../batch'
import type { KvLayer } from '../kv-cache'
import type { PlanBuilder } from '../plan'
import type { MadeRow } from '../product-steps'
import type { LayerState } from '../state-copies'
import type { RunnerLimits } from '../step'
import type { Variants } from '../variants'
import type { ModelWeights } from '../weights'

/** What every part of a forward pass is planned with. */
export interface PlanContext {
  readonly plan: PlanBuilder
  readonly weights: ModelWeights
  readonly limits: RunnerLimits
  readonly layout: BatchLayout
  readonly activations: Activations
  readonly variants: Variants
  /** Tokens of a prefill tile. */
  readonly tileTokens: number
  /** Bits of an element of the KV cache. */
  readonly kvBits: number
  /** Width of the residual stream, and floats from one of its rows to the next. */
  readonly hidden: number
  readonly stride: number
}

/** What a layer has for itself. */
export interface LayerBuffers {
  /** f32: its small tensors */
  readonly constants: GPUBuffer
  readonly kv: KvLayer | null
  readonly state: LayerState | null
}

/** Of a layer with a part that keeps a state. */
export interface StatefulBuffers {
  readonly constants: GPUBuffer
  readonly state: LayerState
}

/** Rows that a part reads, f32 [tokens, stride]. */
export interface SourceRows {
  readonly from: GPUBuffer
  /** How products make the row of a batch's only token, which is not in `from` then; null: it is. */
  readonly made: MadeRow | null
}

/** Where a part's rows come from and go to: both f32 [tokens, stride]. */
export interface PartRows extends SourceRows {
  readonly to: GPUBuffer
  /** Added to what is there; else in its place. */
  readonly adds: boolean
  readonly scale: number
}

export const tokensOf = (shape: BatchShape): number => shape.tokens
