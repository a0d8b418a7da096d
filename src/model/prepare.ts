import type { GpuDevice } from '../gpu/device'
import type { DroppedVariant, VariantDiagnostics } from '../util/diagnostics'
import type { TensorInfo, WeightSink } from '../util/model-file'
import { abortedError, OctavoError } from '../util/octavo-error'
import { lazyParts } from './lazy-parts'
import type { Plan } from './plan'
import { dispensableOf, isAt, kindOf, pointsOf, without } from './points'
import type { Flaw } from './proof/prove'
import type { RopeDescription } from './rope'
import { reportRemedy } from './self-check'
import { provenOf, readTactics, type StoredTactics, type TacticsOptions, tacticsKey } from './tactics'
import type { ModelTensors } from './tensors'
import type { TuningBatch } from './tuner'
import { WeightUploader } from './upload'
import {
  candidates,
  candidatesFor,
  chooseVariants,
  inWords,
  lastResorts,
  type Variants,
  variantsInWords,
} from './variants'
import { type ModelWeights, writeConstants } from './weights'

/** What fails with these says nothing of the variants. */
const blameless: ReadonlySet<OctavoError['code']> = new Set(['network', 'gpu-out-of-memory', 'aborted'])

interface Preparation<Runner> {
  readonly gpu: GpuDevice
  readonly tensors: ModelTensors
  readonly weights: ModelWeights
  readonly ropeTables: ReadonlyMap<RopeDescription, GPUBuffer>
  readonly signal: AbortSignal
  /** To be tried in this order. Default: what the device is known to like, then the universal ones. */
  readonly variants?: readonly Variants[]
  /** null: variants are neither timed nor proven. */
  readonly tactics: TacticsOptions | null
  /** What variants may depend on beside the tensors. */
  readonly words: readonly string[]
  readonly createPlan: (variants: Variants) => Promise<Plan>
  /** Steps on which variants are timed; empty: they are not. */
  readonly tuningBatches: (variants: Variants) => readonly TuningBatch[]
  readonly createRunner: (plan: Plan, variants: Variants) => Runner
  /** Throws where the runner computes wrongly. */
  readonly check: (runner: Runner, variants: Variants) => Promise<void>
}

export interface PreparedRunner<Runner> {
  readonly runner: Runner
  readonly variants: Variants
  /** What was tried before. */
  readonly dropped: readonly DroppedVariant[]
  readonly diagnostics: VariantDiagnostics
}

interface Preparing<Runner> {
  /** Where the file's bytes go. */
  readonly sink: WeightSink
  /** After the last byte: the first runner that computes rightly. */
  finish(): Promise<PreparedRunner<Runner>>
}

/** Begins to compile a model's kernels, and takes its weights into the room that has been made. */
export async function prepareRunner<Runner>(preparation: Preparation<Runner>): Promise<Preparing<Runner>> {
  const { gpu, tensors, weights, ropeTables, signal, tactics } = preparation
  const uploader = await WeightUploader.create(gpu, weights.matrices, smallTensors(tensors))
  const key = tactics ? await tacticsKey(gpu.info, tactics, tensors, preparation.words) : ''
  const stored =
    tactics?.store && tactics.tune !== 'full' ? await readTactics(tactics.store, key, gpu.info) : null
  throwIfAborted(signal)
  const candidatesOfAll =
    preparation.variants ?? (stored ? [stored.variants, ...lastResorts] : chooseVariants(gpu.info))
  const choice = new Choice(preparation, candidatesOfAll, stored, key)
  await gpu.compiling()
  throwIfAborted(signal)
  const finish = async (): Promise<PreparedRunner<Runner>> => {
    writeConstants(gpu, tensors, weights, ropeTables, await uploader.finish())
    return choice.finish()
  }
  return { sink: uploader, finish }
}

/** Finds variants that are fast, where they are timed, and compute rightly. */
class Choice<Runner> {
  readonly #given: Preparation<Runner>
  readonly #stored: StoredTactics | null
  readonly #key: string
  readonly #rest: Variants[]
  #variants: Variants
  #plan: Promise<Plan>
  #from: VariantDiagnostics['from']
  #dropped: DroppedVariant[]
  #timed: VariantDiagnostics['timed']
  #whyNotTimed: string | null
  #tuneMs = 0
  #proof: VariantDiagnostics['proof'] = null

  constructor(
    given: Preparation<Runner>,
    [first, ...rest]: readonly Variants[],
    stored: StoredTactics | null,
    key: string,
  ) {
    this.#given = given
    this.#stored = stored
    this.#key = key
    this.#variants = first!
    this.#rest = rest
    this.#from = given.variants ? 'given' : stored && given.tactics?.tune !== 'off' ? 'cached' : 'defaults'
    this.#dropped = [...(stored?.dropped ?? [])]
    this.#timed = stored?.timed ?? []
    this.#whyNotTimed = stored?.whyNotTimed ?? null
    // Compiles while the weights stream in; a failure is reported when the plan is wanted.
    this.#plan = this.#compile()
    if (given.tactics && !stored) this.#fetchParts(given.tactics)
  }

  /** While the weights stream in, too; what fails is fetched again when it is wanted. */
  #fetchParts({ tune }: TacticsOptions): void {
    this.#plan.then((plan) => fetchProof(plan, this.#given.weights)).catch(() => undefined)
    if (tune !== 'off') lazyParts.tuner.fetch().catch(() => undefined)
  }

  async finish(): Promise<PreparedRunner<Runner>> {
    const { signal, tactics, gpu } = this.#given
    for (;;) {
      try {
        if (tactics && tactics.tune !== 'off' && this.#from === 'defaults') await this.#tune(tactics)
        const plan = await this.#plan
        throwIfAborted(signal)
        if (tactics) await this.#prove(plan)
        const runner = this.#given.createRunner(await this.#plan, this.#variants)
        await gpu.accepting(() => this.#given.check(runner, this.#variants))
        throwIfAborted(signal)
        if (tactics) await this.#keep(await this.#plan)
        return { runner, variants: this.#variants, dropped: this.#dropped, diagnostics: this.#diagnostics() }
      } catch (error) {
        throwIfAborted(signal)
        const lost = await gpu.whyFailed()
        if (lost || (error instanceof OctavoError && blameless.has(error.code))) throw lost ?? error
        const { tuned, ...untuned } = this.#variants
        const everywhere = error instanceof Distrusted && error.everywhere
        const next = everywhere ? null : tuned ? untuned : this.#rest.shift()
        if (!next) throw error
        const reason = error instanceof Error ? error.message : String(error)
        this.#dropped.push({ name: tuned ? `${untuned.name}, tuned` : untuned.name, reason, error: null })
        this.#use(next)
      }
    }
  }

  #use(variants: Variants): void {
    this.#variants = variants
    this.#plan = this.#compile()
  }

  #compile(): Promise<Plan> {
    const plan = this.#given.createPlan(this.#variants)
    plan.catch(() => undefined)
    return plan
  }

  async #tune(tactics: TacticsOptions): Promise<void> {
    const { gpu, signal, tuningBatches } = this.#given
    tactics.onTuning()
    const batches = tuningBatches(this.#variants)
    const tuner = await lazyParts.tuner.fetch().catch((error: OctavoError) => error)
    if (tuner instanceof OctavoError) {
      // The model runs without.
      this.#whyNotTimed = tuner.message
      return
    }
    const { tuned, timed, whyNotTimed, ms } = await tuner.tune({
      gpu,
      plan: await this.#plan,
      variants: this.#variants,
      batches,
      ...(tactics.limits ? { limits: tactics.limits } : {}),
      throwIfAborted: () => throwIfAborted(signal),
    })
    this.#from = 'timed'
    this.#timed = timed
    this.#whyNotTimed = batches.length === 0 ? 'Models that read whole texts are not timed.' : whyNotTimed
    this.#tuneMs = ms
    if (Object.keys(tuned).length > 0) this.#use({ ...this.#variants, tuned })
  }

  /** Drops points until all pipelines of the plan answer rightly. */
  async #prove(first: Plan): Promise<void> {
    const { gpu, weights, signal } = this.#given
    for (let plan = first; ; plan = await this.#plan) {
      const pipelines = plan.map(({ pipeline }) => pipeline)
      if (this.#stored?.proven === (await provenOf(pipelines))) return
      const { prove, rare } = await fetchProof(plan, weights)
      const { flaws, ...proof } = await prove(gpu, pipelines, weights.matrices, rare)
      throwIfAborted(signal)
      const lost = flaws.length > 0 ? await gpu.whyFailed() : null
      if (lost) throw lost
      this.#proof = { ...proof, ms: proof.ms + (this.#proof?.ms ?? 0) }
      if (flaws.length === 0) return
      for (const flaw of flaws) this.#drop(flaw)
      this.#use(this.#variants)
    }
  }

  /** @throws Distrusted where no other point of its kind is left */
  #drop({ pipeline, reason, error }: Flaw): void {
    const dispensable = dispensableOf(pipeline)
    // Where only bits differ from those of another point, both have the instruction.
    if (dispensable && (dispensable !== 'packedDot' || error !== null)) {
      // Several pipelines may have it.
      if (this.#variants[dispensable] === 0) return
      this.#dropped.push({ name: `${dispensable}: ${this.#variants[dispensable]}`, reason, error })
      this.#variants = { ...this.#variants, [dispensable]: 0 }
      return
    }
    const kind = kindOf(pipeline)
    const points = kind ? pointsOf(this.#variants, kind) : []
    const wrong = points.find((point) => isAt(kind!, point as never, pipeline.variant))
    if (!kind || !wrong || JSON.stringify(wrong) === JSON.stringify(candidates[kind][0])) {
      // It may have been dropped already, by another pipeline of the same point.
      if (kind && wrong === undefined && this.#dropped.some(({ name }) => name.startsWith(`${kind}: `)))
        return
      throw new Distrusted(pipeline.kernel.shader, reason, kind !== null)
    }
    this.#dropped.push({ name: `${kind}: ${inWords(wrong)}`, reason, error })
    const bad = new Set(this.#dropped.map(({ name }) => name))
    const next = candidatesFor(kind, this.#given.gpu.info).find(
      (point) => !bad.has(`${kind}: ${inWords(point)}`),
    )!
    this.#variants = without(this.#variants, kind, wrong, next)
  }

  async #keep(plan: Plan): Promise<void> {
    const { store, tune } = this.#given.tactics!
    const isUntimed = this.#from === 'defaults' && tune !== 'off'
    if (!store || this.#from === 'given' || isUntimed) return
    const proven = await provenOf(plan.map(({ pipeline }) => pipeline))
    if (this.#stored?.proven === proven) return
    const stored: StoredTactics = {
      variants: this.#variants,
      dropped: this.#dropped,
      timed: this.#timed,
      whyNotTimed: this.#whyNotTimed,
      proven,
    }
    // A full or forbidden disk costs the next load a second.
    await store.set(this.#key, stored).catch(() => undefined)
  }

  #diagnostics(): VariantDiagnostics {
    const { tactics } = this.#given
    return {
      tune: tactics?.tune ?? 'off',
      from: this.#from,
      chosen: variantsInWords(this.#variants),
      dropped: this.#dropped,
      timed: this.#timed,
      whyNotTimed:
        this.#from === 'given' || !tactics || tactics.tune === 'off' ? 'Timing was off.' : this.#whyNotTimed,
      tuneMs: this.#tuneMs,
      proof: this.#proof,
    }
  }
}

/** What proves a plan's pipelines. */
async function fetchProof(plan: Plan, { matrices }: ModelWeights) {
  const { prove, wantRare } = await lazyParts.proof.fetch()
  const pipelines = plan.map(({ pipeline }) => pipeline)
  return { prove, rare: wantRare(pipelines, matrices) ? await lazyParts.rareCases.fetch() : null }
}

/** A kernel cannot be trusted on this device as it is compiled. */
class Distrusted extends OctavoError {
  constructor(
    shader: string,
    reason: string,
    /** Not even at the universal point of its kind: the load ends. */
    readonly everywhere: boolean,
  ) {
    super(
      'internal',
      `On this GPU, the kernel ${shader} computes a case wrongly whose answer is known: ${reason}.`,
      reportRemedy,
    )
  }
}

/** What the CPU packs before it goes to the GPU. */
function smallTensors({ constants, layers }: ModelTensors): readonly TensorInfo[] {
  const all = [constants, ...layers.map((layer) => layer.constants)]
  return all.flatMap(({ entries }) => entries.map(({ tensor }) => tensor))
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortedError('Loading the model', signal)
}
