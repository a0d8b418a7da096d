/** Where the time of an engine's steps went, kernel by kernel. */
export interface EngineProfile {
  /** null: the kernels' times were measured. Else why they were not, in words: the steps' own times are all there is. */
  readonly whyNoTimes: string | null
  /**
   * Nanoseconds from one tick of the GPU's clock to the next, as this browser shows it; null where it shows none.
   * Chromium rounds to about a tenth of a millisecond, and shows a finer clock with
   * `--enable-webgpu-developer-features`.
   */
  readonly clockNs: number | null
  /** Prefill and decode apart, in the order in which they came first. */
  readonly phases: readonly PhaseProfile[]
}

/** `mixed` steps have tokens of prompts beside tokens of answers; `encode` is what encoders do. */
export type ProfiledPhase = 'prefill' | 'decode' | 'mixed' | 'encode'

/** All profiled steps of one kind. */
export interface PhaseProfile {
  readonly phase: ProfiledPhase
  readonly steps: number
  /** Tokens that went through these steps, over all sequences. */
  readonly tokens: number
  /** Milliseconds from the submit of each step, or the end of the one before, to its end, as this thread learns of it. */
  readonly wallMs: number
  /** Milliseconds of all kernels; null where not measured. */
  readonly gpuMs: number | null
  /** What took longest comes first. */
  readonly kernels: readonly KernelProfile[]
}

/** All dispatches of one form of a kernel. */
export interface KernelProfile {
  /** Name of its file in `shaders/`. */
  readonly kernel: string
  /** What it was compiled for: the type of the weights that it reads, and what it does beside. */
  readonly variant: string
  readonly calls: number
  /** Bytes of storage that the calls walk, as the kernel declares them: each element read or written once a call. */
  readonly bytes: number
  /** Milliseconds; null where not measured, or too little for the clock. */
  readonly ms: number | null
  /** 10⁹ bytes a second. */
  readonly gbPerSecond: number | null
  /** Of the phase's `gpuMs`, 0 … 1. */
  readonly share: number | null
}
