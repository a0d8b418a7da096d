import type { EngineProfile, ProfiledPhase } from '../util/profile'
import type { GpuDevice } from './device'
import { PassClock } from './pass-clock'
import type { PlanRecorder } from './pipeline'
import { ProfileTable } from './profile-table'

/** What a profile needs of the plan that it is taken of. */
export interface ProfiledPlan<Batch> {
  readonly gpu: GpuDevice
  readonly recorder: PlanRecorder<Batch>
  /** What a batch is, in a profile's words. */
  readonly describe: (batch: Batch) => { readonly phase: ProfiledPhase; readonly tokens: number }
}

/** A step that is recorded; `submitted` is to be called as soon as it is. */
export interface RecordedStep {
  readonly submitted: () => void
}

/** The clock for a plan's profiles; null where the device has no timestamp queries. */
export function clockFor<Batch>({ gpu, recorder }: ProfiledPlan<Batch>): PassClock | null {
  return gpu.device.features.has('timestamp-query') ? new PassClock(gpu, recorder.plan.length) : null
}

/** A profile while it is taken: each dispatch has a pass of its own, whose begin and end the GPU writes down. */
export class TakenProfile<Batch> {
  readonly #plan: ProfiledPlan<Batch>
  readonly #clock: PassClock | null
  readonly #table: ProfileTable
  /** Of the steps that have not ended. */
  readonly #pending = new Set<Promise<void>>()
  /** When the step that ended last did. */
  #lastEnd = 0

  constructor(plan: ProfiledPlan<Batch>, clock: PassClock | null) {
    this.#plan = plan
    this.#clock = clock
    this.#table = new ProfileTable(
      clock ? null : 'This browser does not let pages ask this GPU for times (timestamp-query).',
    )
  }

  record(encoder: GPUCommandEncoder, batch: Batch): RecordedStep {
    const { gpu, recorder, describe } = this.#plan
    const clock = this.#clock
    const recorded = recorder.record(encoder, batch, clock?.passes ?? null)
    const dispatches = recorded.map(({ pipeline, bytes }) => ({ pipeline, bytes: bytes(batch) }))
    const copy = clock?.resolve(encoder, dispatches.length) ?? null
    return {
      submitted: () => {
        const started = performance.now()
        const ended = gpu.device.queue.onSubmittedWorkDone().then(() => performance.now())
        const add = async () => {
          const times = copy && clock ? await clock.read(copy, dispatches.length) : null
          const end = await ended
          const wallMs = end - Math.max(started, this.#lastEnd)
          this.#lastEnd = end
          this.#table.add({ ...describe(batch), wallMs, dispatches }, times)
        }
        const pending = add()
        this.#pending.add(pending)
        const forget = () => this.#pending.delete(pending)
        // A step that fails says so itself, and is left out.
        pending.then(forget, forget)
      },
    }
  }

  /** What the steps that were recorded were, when they have all ended. */
  async result(): Promise<EngineProfile> {
    await Promise.allSettled(this.#pending)
    return this.#table.result()
  }
}
