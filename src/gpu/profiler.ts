import { OctavoError } from '../util/octavo-error'
import type { EngineProfile, ProfiledPhase } from '../util/profile'
import type { GpuDevice } from './device'
import { PassClock } from './pass-clock'
import type { PlanRecorder } from './pipeline'
import { ProfileTable } from './profile-table'

/** What a batch is, in a profile's words. */
interface BatchWords {
  readonly phase: ProfiledPhase
  readonly tokens: number
}

/** A profile that is being taken. */
interface Taking {
  readonly table: ProfileTable
  /** Of the steps that have not ended. */
  readonly pending: Set<Promise<void>>
}

/** A step that is recorded; `submitted` is to be called as soon as it is. */
interface RecordedStep {
  readonly submitted: () => void
}

/**
 * Records the steps of a plan. While a profile is taken each dispatch has a pass of its own, whose begin and end the GPU
 * writes down; else it is the recorder alone.
 */
export class PlanProfiler<Batch> {
  readonly #gpu: GpuDevice
  readonly #recorder: PlanRecorder<Batch>
  readonly #describe: (batch: Batch) => BatchWords
  /** Made for the first profile, and kept. */
  #clock: PassClock | null = null
  #taking: Taking | null = null
  /** When the profiled step that ended last did. */
  #lastEnd = 0

  constructor(gpu: GpuDevice, recorder: PlanRecorder<Batch>, describe: (batch: Batch) => BatchWords) {
    this.#gpu = gpu
    this.#recorder = recorder
    this.#describe = describe
  }

  /**
   * Profiles the steps that are recorded from now on.
   *
   * @throws OctavoError 'invalid-request' where that is done already
   */
  start(): void {
    if (this.#taking) {
      throw new OctavoError(
        'invalid-request',
        'A profile of this engine is being taken already.',
        'Wait for it to end, or abort it.',
      )
    }
    const { device } = this.#gpu
    const measures = device.features.has('timestamp-query')
    if (measures) this.#clock ??= new PassClock(this.#gpu, this.#recorder.plan.length)
    const why = measures ? null : 'This browser does not let pages ask this GPU for times (timestamp-query).'
    this.#taking = { table: new ProfileTable(why), pending: new Set() }
  }

  /** Ends the profile: what the steps since `start` were, when they have all ended. Nothing where none is taken. */
  async finish(): Promise<EngineProfile> {
    const taking = this.#taking
    this.#taking = null
    await Promise.allSettled(taking?.pending ?? [])
    return (taking?.table ?? new ProfileTable(null)).result()
  }

  /** @returns null where no profile is taken. */
  record(encoder: GPUCommandEncoder, batch: Batch): RecordedStep | null {
    const taking = this.#taking
    const clock = this.#clock
    if (!taking) {
      this.#recorder.record(encoder, batch)
      return null
    }
    const recorded = this.#recorder.record(encoder, batch, clock?.passes ?? null)
    const dispatches = recorded.map(({ pipeline, bytes }) => ({ pipeline, bytes: bytes(batch) }))
    const copy = clock?.resolve(encoder, dispatches.length) ?? null
    return {
      submitted: () => {
        const started = performance.now()
        const ended = this.#gpu.device.queue.onSubmittedWorkDone().then(() => performance.now())
        const add = async () => {
          const times = copy && clock ? await clock.read(copy, dispatches.length) : null
          const end = await ended
          const wallMs = end - Math.max(started, this.#lastEnd)
          this.#lastEnd = end
          taking.table.add({ ...this.#describe(batch), wallMs, dispatches }, times)
        }
        const pending = add()
        taking.pending.add(pending)
        const forget = () => taking.pending.delete(pending)
        // A step that fails says so itself, and is left out.
        pending.then(forget, forget)
      },
    }
  }
}
