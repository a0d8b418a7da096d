import type { EngineProfile, KernelProfile, PhaseProfile, ProfiledPhase } from '../util/profile'
import type { Pipeline } from './pipeline'

/** What is known of a step beside the times of its dispatches. */
export interface ProfiledStep {
  readonly phase: ProfiledPhase
  readonly tokens: number
  readonly wallMs: number
  readonly dispatches: readonly {
    readonly pipeline: Pick<Pipeline, 'kernel' | 'variant'>
    readonly bytes: number
  }[]
}

interface Row {
  readonly kernel: string
  readonly variant: string
  calls: number
  bytes: number
  ns: number
}

interface Phase {
  readonly phase: ProfiledPhase
  steps: number
  tokens: number
  wallMs: number
  readonly rows: Map<string, Row>
}

/** A time whose error by the clock's ticks may be more than this part of it is not given. */
const greatestError = 0.25

/** Adds up steps. It takes no more room however many there are. */
export class ProfileTable {
  readonly #phases = new Map<ProfiledPhase, Phase>()
  #whyNoTimes: string | null
  #origin: bigint | null = null
  /** The greatest number of nanoseconds of which every timestamp is a multiple, from the first one. */
  #clockNs = 0

  /** @param whyNoTimes what is known from the start to keep times from being measured. */
  constructor(whyNoTimes: string | null) {
    this.#whyNoTimes = whyNoTimes
  }

  /** @param times begin and end of each dispatch, in nanoseconds; null: not measured. */
  add({ phase, tokens, wallMs, dispatches }: ProfiledStep, times: BigUint64Array | null): void {
    const sum = this.#phase(phase)
    sum.steps += 1
    sum.tokens += tokens
    sum.wallMs += wallMs
    if (times) this.#checkClock(times)
    dispatches.forEach(({ pipeline, bytes }, i) => {
      const row = rowOf(sum.rows, pipeline)
      row.calls += 1
      row.bytes += bytes
      if (times) row.ns += Number(times[2 * i + 1]! - times[2 * i]!)
    })
  }

  result(): EngineProfile {
    const measured = this.#whyNoTimes === null && this.#clockNs > 0
    const nothing = this.#phases.size > 0 && !measured ? 'The clock of this GPU stood still.' : null
    return {
      whyNoTimes: this.#whyNoTimes ?? nothing,
      clockNs: measured ? this.#clockNs : null,
      phases: [...this.#phases.values()].map((phase) => this.#phaseProfile(phase, measured)),
    }
  }

  #phase(phase: ProfiledPhase): Phase {
    const known = this.#phases.get(phase)
    if (known) return known
    const made = { phase, steps: 0, tokens: 0, wallMs: 0, rows: new Map<string, Row>() }
    this.#phases.set(phase, made)
    return made
  }

  /** WebGPU lets a device reset its clock, and ticks be as coarse as a browser likes. */
  #checkClock(times: BigUint64Array): void {
    this.#origin ??= times[0] ?? null
    for (let i = 0; i < times.length; i++) {
      if (i % 2 === 1 && times[i]! < times[i - 1]!)
        this.#whyNoTimes ??= 'The clock of this GPU ran backwards.'
      if (this.#clockNs !== 1) this.#clockNs = divisor(Number(times[i]! - this.#origin!), this.#clockNs)
    }
  }

  #phaseProfile({ phase, steps, tokens, wallMs, rows }: Phase, measured: boolean): PhaseProfile {
    const all = [...rows.values()]
    const calls = all.reduce((sum, row) => sum + row.calls, 0)
    const ns = all.reduce((sum, row) => sum + row.ns, 0)
    const gpuMs = measured ? this.#ms(ns, calls) : null
    const kernels = all.map((row): KernelProfile => {
      const ms = measured ? this.#ms(row.ns, row.calls) : null
      const { kernel, variant, bytes } = row
      return {
        kernel,
        variant,
        calls: row.calls,
        bytes,
        ms,
        gbPerSecond: ms && bytes / ms / 1e6,
        share: ms && gpuMs && ms / gpuMs,
      }
    })
    kernels.sort((a, b) => (b.ms ?? 0) - (a.ms ?? 0) || b.bytes - a.bytes)
    return { phase, steps, tokens, wallMs, gpuMs, kernels }
  }

  /** The time, if the ticks allow: begin and end are each rounded down, which errs by √(ticks² / 6) a call. */
  #ms(ns: number, calls: number): number | null {
    const error = this.#clockNs * Math.sqrt(calls / 6)
    return ns > 0 && error <= greatestError * ns ? ns / 1e6 : null
  }
}

function rowOf(rows: Map<string, Row>, pipeline: ProfiledStep['dispatches'][number]['pipeline']): Row {
  const kernel = pipeline.kernel.shader
  const variant = words(pipeline.variant)
  const key = `${kernel} ${variant}`
  const known = rows.get(key)
  if (known) return known
  const made = { kernel, variant, calls: 0, bytes: 0, ns: 0 }
  rows.set(key, made)
  return made
}

/** `q4_1, gated`: modules by their file, and the conditions that hold. */
function words({ modules, conditions }: Pipeline['variant']): string {
  const files = Object.values(modules ?? {}).map((path) => path.slice(path.lastIndexOf('/') + 1))
  const holding = Object.entries(conditions ?? {}).flatMap(([name, holds]) => (holds ? [name] : []))
  return [...files, ...holding].join(', ')
}

/** The greatest common divisor; 0 has every number as one. */
function divisor(a: number, b: number): number {
  let [one, other] = [Math.abs(a), b]
  while (other > 0) [one, other] = [other, one % other]
  return one
}
