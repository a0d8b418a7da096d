import type { GpuDevice } from '../gpu/device'
import type { Dispatch, Pipeline } from '../gpu/pipeline'
import type { TimedVariants } from '../util/diagnostics'
import type { BatchShape } from './batch'
import { clearlyFastest, median } from './faster'
import type { Plan } from './plan'
import { hasPoint, isAt, kindOf, wholeAtPoint } from './points'
import {
  candidatesFor,
  inWords,
  type TunableKind,
  type TunablePoint,
  tunableKinds,
  type Variants,
} from './variants'

/** Milliseconds of all timing, and of those what compiling other variants may take. */
const budgetMs = 1000
const compileMs = 400
/** Where the plan's own pipelines have taken a CPU driver so long each, nothing is tried: SwiftShader's take 96 to 101, and gain nothing. */
const slowestCompileMs = 60
/** A variant whose first run takes so much longer than its second is compiled as it runs: others would be as slow to try. */
const slowestFirstRunMs = 100
const rounds = 4
/** Of one sample: dispatches are repeated for so long, so that the clock's steps and the submit count little. */
const sampleMs = 3
const mostRepeats = 64

/** A batch that is on the GPU. */
export interface TuningBatch {
  /** Writes the batch's words. */
  readonly write: () => void
  readonly shape: BatchShape
}

interface TuningOptions {
  readonly gpu: GpuDevice
  readonly plan: Plan
  readonly variants: Variants
  /** Steps of decode and of prefill. */
  readonly batches: readonly TuningBatch[]
  readonly throwIfAborted: () => void
  /** Runs a pipeline so many times and gives the milliseconds of one. Default: on the GPU. */
  readonly run?: (
    dispatch: Dispatch<BatchShape>,
    pipeline: Pipeline,
    shape: BatchShape,
    times: number,
  ) => Promise<number>
  readonly now?: () => number
}

export interface Tuning {
  readonly tuned: NonNullable<Variants['tuned']>
  readonly timed: readonly TimedVariants[]
  readonly whyNotTimed: string | null
  readonly ms: number
}

interface Contender {
  readonly point: TunablePoint
  readonly pipeline: Pipeline
}

interface Contest {
  readonly kind: TunableKind
  readonly dispatch: Dispatch<BatchShape>
  readonly batch: TuningBatch
  /** Layers that have it. */
  count: number
}

/**
 * Times the variants of a model's products and of its decode attention at the model's own shapes, on its own buffers: no
 * memory is made for it, and what it writes the next step writes over. The points of `variants` stay where none is clearly
 * faster, or where time runs out.
 */
export async function tune(options: TuningOptions): Promise<Tuning> {
  const { gpu, variants, throwIfAborted, now = () => performance.now() } = options
  const run = options.run ?? ((...given) => runOnGpu(gpu, ...given))
  const started = now()
  const left = () => budgetMs - (now() - started)
  const tuned: Record<string, TunablePoint> = {}
  const timed: TimedVariants[] = []
  const ended = (whyNotTimed: string | null): Tuning => ({ tuned, timed, whyNotTimed, ms: now() - started })
  if (gpu.info.isFallbackAdapter && gpu.compileMs > slowestCompileMs) {
    return ended(
      `This GPU’s driver compiles too slowly to try others: ${Math.round(gpu.compileMs)} ms for each kernel of the model.`,
    )
  }
  const contests = contestsOf(options.plan, options.batches)
  for (const contest of contests) {
    const { dispatch, batch } = contest
    throwIfAborted()
    batch.write()
    const first = await run(dispatch, dispatch.pipeline, batch.shape, 1)
    const second = await run(dispatch, dispatch.pipeline, batch.shape, 1)
    if (first - second > slowestFirstRunMs) {
      return ended(
        `This GPU’s driver compiles too slowly to try others: ${dispatch.tactic} took ${Math.round(first)} ms.`,
      )
    }
    const points = candidatesFor(contest.kind, gpu.info) as readonly TunablePoint[]
    const others = points.filter(
      (point) =>
        hasPoint(dispatch.pipeline, point) && !isAt(contest.kind, point as never, dispatch.pipeline.variant),
    )
    if (others.length === 0) continue
    if (left() <= 0) return ended('The time for it was over.')
    const { compiled, late } = await compile(gpu, contest, others, Math.min(compileMs, left()))
    if (compiled.length === 0) {
      // Compiling more would take cores from what the load waits for.
      if (late) return ended('No other variant was compiled in time.')
      continue
    }
    const contenders = [{ point: ownPoint(variants, contest), pipeline: dispatch.pipeline }, ...compiled]
    const repeats = Math.max(1, Math.min(mostRepeats, Math.round(sampleMs / Math.max(second, 0.01))))
    if (left() < second * repeats * contenders.length * (rounds + 1))
      return ended('The time for it was over.')
    const times = contenders.map((): number[] => [])
    for (const { pipeline } of compiled) await run(dispatch, pipeline, batch.shape, 1)
    for (let round = 0; round < rounds && left() > 0; round++) {
      throwIfAborted()
      for (let i = 0; i < contenders.length; i++) {
        const turn = (i + round) % contenders.length
        times[turn]!.push(await run(dispatch, contenders[turn]!.pipeline, batch.shape, repeats))
      }
    }
    if (times[0]!.length === 0) return ended('The time for it was over.')
    const chosen = contenders[clearlyFastest(times)]!
    if (chosen !== contenders[0]) tuned[dispatch.tactic!] = chosen.point
    timed.push({
      what: dispatch.tactic!,
      points: contenders.map(({ point }, i) => ({ point: inWords(point), ms: median(times[i]!) })),
      chosen: inWords(chosen.point),
    })
  }
  return ended(null)
}

/** What is to be timed, the dispatches that walk most bytes first. */
function contestsOf(plan: Plan, batches: readonly TuningBatch[]): Contest[] {
  const contests = new Map<string, Contest>()
  for (const batch of batches) {
    for (const dispatch of plan) {
      const kind = kindOf(dispatch.pipeline)
      const tunable = tunableKinds.find((each) => each === kind)
      if (dispatch.tactic === null || tunable === undefined || !dispatch.grid(batch.shape)) continue
      const known = contests.get(dispatch.tactic)
      if (known) known.count += 1
      else contests.set(dispatch.tactic, { kind: tunable, dispatch, batch, count: 1 })
    }
  }
  const bytes = ({ dispatch, batch, count }: Contest) => count * dispatch.bytes(batch.shape)
  return [...contests.values()].sort((a, b) => bytes(b) - bytes(a))
}

function ownPoint({ tuned, ...variants }: Variants, { kind, dispatch }: Contest): TunablePoint {
  return tuned?.[dispatch.tactic!] ?? variants[kind]
}

/** The variants that are there in time; the others are left out. `late`: some still compile. */
async function compile(
  gpu: GpuDevice,
  { kind, dispatch }: Contest,
  points: readonly TunablePoint[],
  ms: number,
): Promise<{ readonly compiled: readonly Contender[]; readonly late: boolean }> {
  const { kernel, variant } = dispatch.pipeline
  const compiled: Contender[] = []
  const all = points.map(async (point) => {
    const pipeline = await gpu.pipeline(kernel, wholeAtPoint(kind, point, variant))
    compiled.push({ point, pipeline })
  })
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeIsOver = new Promise<true>((resolve) => {
    timer = setTimeout(resolve, ms, true)
  })
  const late = await Promise.race([Promise.allSettled(all).then(() => false), timeIsOver])
  clearTimeout(timer)
  return { compiled: [...compiled], late }
}

/** The dispatch's bind group fits every variant of its kernel, since their layouts are alike. */
async function runOnGpu(
  { device }: GpuDevice,
  { bindGroup, shape }: Dispatch<BatchShape>,
  pipeline: Pipeline,
  batch: BatchShape,
  times: number,
): Promise<number> {
  const grid = pipeline.kernel.grid(shape(batch) as never, pipeline.variant.constants)
  const encoder = device.createCommandEncoder({ label: 'tuning' })
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline.gpu)
  pass.setBindGroup(0, bindGroup)
  for (let i = 0; i < times; i++) pass.dispatchWorkgroups(...grid)
  pass.end()
  const started = performance.now()
  device.queue.submit([encoder.finish()])
  await device.queue.onSubmittedWorkDone()
  return (performance.now() - started) / times
}
