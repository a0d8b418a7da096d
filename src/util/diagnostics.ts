import type { Tune } from './tune'

/** A variant that computed wrongly on this device, and was not used. */
export interface DroppedVariant {
  /** The kernel's kind and the point, or all of them by the name of the points that they began with. */
  readonly name: string
  /** What it got wrong, in words. */
  readonly reason: string
  /** The greatest difference from an answer that is known beforehand; null: it was found otherwise. */
  readonly error: number | null
}

/** One kind of kernel at one shape, as it was timed at each point that the device runs. */
export interface TimedVariants {
  /** `matvec Q4_K [1536, 576]` */
  readonly what: string
  /** Medians, in milliseconds of one dispatch; what was used before the timing comes first. */
  readonly points: readonly { readonly point: string; readonly ms: number }[]
  /** One of the points. */
  readonly chosen: string
}

/** How the kernels' variants came to be what they are. */
export interface VariantDiagnostics {
  readonly tune: Tune
  /** `given`: by a test; `defaults`: what such devices are known to like; `timed` now, or `cached`. */
  readonly from: 'given' | 'defaults' | 'timed' | 'cached'
  /** By kind of kernel, or by what was timed. */
  readonly chosen: Readonly<Record<string, string>>
  readonly dropped: readonly DroppedVariant[]
  /** Timings of this load, or of the one whose choice it took over. */
  readonly timed: readonly TimedVariants[]
  /** Why nothing, or not everything, was timed, in words; null: all was. */
  readonly whyNotTimed: string | null
  /** Milliseconds that timing took in this load. */
  readonly tuneMs: number
  /** What the proof of this load tried; null: an earlier load has proven the same pipelines on this device and browser. */
  readonly proof: ProofDiagnostics | null
}

/** What the proof of the kernels tried, before the model answers anybody. */
export interface ProofDiagnostics {
  /** Pipelines that answered a small case, and of those the ones whose answers are known beforehand. */
  readonly tried: number
  readonly known: number
  /** Kernels that no case is for; the last check, of the whole model, runs them. */
  readonly untried: readonly string[]
  /** Of all rounds: one more for each variant that was dropped. */
  readonly ms: number
}

/** A GPU that the browser took away from a loaded model. */
export interface DeviceLoss {
  /** In words. */
  readonly reason: string
  /** Milliseconds until requests went on; null: they have not. */
  readonly recoveredAfterMs: number | null
}

/** What there is to say of an engine where something is odd: to be sent along with a report. */
export interface EngineDiagnostics {
  readonly device: {
    readonly vendor: string
    readonly architecture: string
    readonly device: string
    readonly description: string
    readonly isFallbackAdapter: boolean
    readonly features: readonly string[]
    readonly subgroupMinSize: number | null
    readonly subgroupMaxSize: number | null
    readonly limits: Readonly<Record<string, number>>
  }
  /** With its version, as far as it tells. */
  readonly browser: string
  /** A hash of the library's sources: its kernels, their table of variants and their known cases among them. */
  readonly kernels: string
  /** Variants of kernels that were asked for, also those that were tried and not taken; some share a pipeline. */
  readonly pipelines: number
  readonly variants: VariantDiagnostics
  /** Since the model was loaded, in order. What is said beside it is of the device that the model is on now. */
  readonly deviceLosses: readonly DeviceLoss[]
}
