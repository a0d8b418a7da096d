import type { Pipeline } from '../../../gpu/pipeline'
import type { Trial } from '../trial'
import type { Trials } from '../trials'
import { affineMatrices } from './affine'
import { tryCombining, tryRouting, tryTiling } from './experts'
import { matrices } from './known-answers'
import { tryPooling } from './pool'
import { tryConvolution, tryDeltaScan, tryGatedNorm, trySsmScan } from './recurrent'
import { tryCorrecting, tryCutoff, tryMatching, tryPredicting, tryRescaling } from './streams'

export { affineMatrices, matrices }

type Case = (trials: Trials, pipeline: Pipeline) => Trial | readonly Trial[]

/** Of kernels that some families have: mixtures of experts, layers with a state, streams, encoders. */
const cases: Readonly<Record<string, Case>> = {
  route: tryRouting,
  tile_experts: tryTiling,
  combine_experts: tryCombining,
  causal_conv: tryConvolution,
  ssm_scan: trySsmScan,
  delta_scan: tryDeltaScan,
  gated_norm: tryGatedNorm,
  alt_up_predict: tryPredicting,
  alt_up_correct: tryCorrecting,
  match_magnitude: tryMatching,
  cutoff: tryCutoff,
  rescale: tryRescaling,
  pool: tryPooling,
}

/** Lets the pipelines of such kernels answer their known cases. */
export function tryRare(trials: Trials, pipelines: readonly Pipeline[]): readonly Trial[] {
  return pipelines.flatMap((pipeline) => cases[pipeline.kernel.shader]?.(trials, pipeline) ?? [])
}
