import { LazyPart } from '../util/lazy-part'
import { OctavoError } from '../util/octavo-error'
import type { EngineProfile } from '../util/profile'
import type { PassClock } from './pass-clock'
import type { ProfiledPlan, RecordedStep, TakenProfile } from './taken-profile'

const profiles = new LazyPart('profiles', () => import('./taken-profile'))

/** Records the steps of a plan: the recorder alone, but for the steps of which a profile is taken. */
export class PlanProfiler<Batch> {
  readonly #plan: ProfiledPlan<Batch>
  /** Made for the first profile, and kept. */
  #clock: PassClock | null = null
  #taking: TakenProfile<Batch> | null = null

  constructor(plan: ProfiledPlan<Batch>) {
    this.#plan = plan
  }

  /**
   * Profiles the steps that are recorded from when this resolves.
   *
   * @throws OctavoError 'invalid-request' where that is done already, 'network'
   */
  async start(): Promise<void> {
    const { clockFor, TakenProfile } = await profiles.fetch()
    if (this.#taking) {
      throw new OctavoError(
        'invalid-request',
        'A profile of this engine is being taken already.',
        'Wait for it to end, or abort it.',
      )
    }
    this.#clock ??= clockFor(this.#plan)
    this.#taking = new TakenProfile(this.#plan, this.#clock)
  }

  /** Ends the profile: what the steps since `start` were, when they have all ended. Nothing where none is taken. */
  async finish(): Promise<EngineProfile> {
    const taking = this.#taking
    this.#taking = null
    return taking ? taking.result() : { whyNoTimes: null, clockNs: null, phases: [] }
  }

  /** @returns null where no profile is taken. */
  record(encoder: GPUCommandEncoder, batch: Batch): RecordedStep | null {
    if (this.#taking) return this.#taking.record(encoder, batch)
    this.#plan.recorder.record(encoder, batch)
    return null
  }
}
