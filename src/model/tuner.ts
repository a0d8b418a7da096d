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

/** How much time is taken, in milliseconds. */
export interface TuningLimits {
  /** For all timing, and of that for compiling the other variants of one dispatch. */
  readonly allMs: number
  readonly compileMs: number
  /** Where the plan's own pipelines have taken a CPU driver so long each, nothing is tried: SwiftShader's take 96 to 101, and gain nothing. */
  readonly slowestCompileMs: number
  /** A variant whose first run takes so much longer than its second is compiled as it runs: others would be as slow to try. */
  readonly slowestFirstRunMs: number
}

const usualLimits: TuningLimits = {
  allMs: 1000,
  compileMs: 400,
  slowestCompileMs: 60,
  slowestFirstRunMs: 100,
}

const rounds = 4
/** Work of one sample, in milliseconds and in steps of the clock, which browsers make coarse: dispatches are repeated until it is that much. */
const sampleMs = 3
const sampleSteps = 10
const mostRepeats = 1024
const overTime = 'The time for it was over.'

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
  readonly limits?: TuningLimits
  /** Runs a pipeline so many times in one submit, which may be none, and gives the milliseconds of it all. Default: on the GPU. */
  readonly run?: (
    dispatch: Dispatch<BatchShape>,
    pipeline: Pipeline,
    shape: BatchShape,
    times: number,
  ) => Promise<number>
  readonly now?: () => number
  /** Steps of the clock, in milliseconds. Default: as they are seen. */
  readonly clockMs?: number
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
  const { gpu, variants, throwIfAborted, limits = usualLimits, now = () => performance.now() } = options
  const run = options.run ?? ((...given) => runOnGpu(gpu, ...given))
  const started = now()
  const left = () => limits.allMs - (now() - started)
  const tuned: Record<string, TunablePoint> = {}
  const timed: TimedVariants[] = []
  const ended = (whyNotTimed: string | null): Tuning => ({ tuned, timed, whyNotTimed, ms: now() - started })
  const tooSlow = (what: string) => ended(`This GPU’s driver compiles too slowly to try others: ${what}.`)
  if (gpu.info.isFallbackAdapter && gpu.compileMs > limits.slowestCompileMs) {
    return tooSlow(`${Math.round(gpu.compileMs)} ms for each kernel of the model`)
  }
  const leastMs = Math.max(sampleMs, sampleSteps * (options.clockMs ?? clockStep()))
  /** What a submit takes at least, that runs nothing: the way to the GPU's process and back. */
  let emptyMs = Number.POSITIVE_INFINITY
  let slowRuns = 0
  let skipped = false
  for (const contest of contestsOf(options.plan, options.batches)) {
    const { dispatch, batch } = contest
    throwIfAborted()
    if (left() <= 0) return ended(overTime)
    const runOf = (pipeline: Pipeline, times: number) => run(dispatch, pipeline, batch.shape, times)
    batch.write()
    const first = await runOf(dispatch.pipeline, 1)
    const second = await runOf(dispatch.pipeline, 1)
    // Once it may have been something else that used the GPU.
    if (first - second <= limits.slowestFirstRunMs) slowRuns = 0
    else if (gpu.info.isFallbackAdapter || ++slowRuns > 1) {
      return tooSlow(`${dispatch.tactic} took ${Math.round(first)} ms`)
    }
    const points = candidatesFor(contest.kind, gpu.info) as readonly TunablePoint[]
    const others = points.filter(
      (point) =>
        hasPoint(dispatch.pipeline, point) && !isAt(contest.kind, point as never, dispatch.pipeline.variant),
    )
    if (others.length === 0) continue
    const probe = async () => {
      emptyMs = Math.min(emptyMs, await runOf(dispatch.pipeline, 0))
    }
    for (let i = 0; i < rounds; i++) await probe()
    const work = async (times: number) => (await runOf(dispatch.pipeline, times)) - emptyMs
    const { repeats, ms } = await sampleOf(work, second - emptyMs, leastMs)
    // Smaller ones may fit.
    if (left() < (ms + emptyMs) * (others.length + 1) * (rounds + 1)) {
      skipped = true
      continue
    }
    const { compiled, late } = await compile(gpu, contest, others, Math.min(limits.compileMs, left()))
    if (compiled.length === 0) {
      // Compiling more would take cores from what the load waits for.
      if (late) return ended('No other variant was compiled in time.')
      continue
    }
    const contenders = [{ point: ownPoint(variants, contest), pipeline: dispatch.pipeline }, ...compiled]
    const samples = contenders.map((): number[] => [])
    for (const { pipeline } of compiled) await runOf(pipeline, 1)
    for (let round = 0; round < rounds && left() > 0; round++) {
      throwIfAborted()
      await probe()
      for (let i = 0; i < contenders.length; i++) {
        const turn = (i + round) % contenders.length
        samples[turn]!.push(await runOf(contenders[turn]!.pipeline, repeats))
      }
    }
    if (samples[0]!.length === 0) return ended(overTime)
    const times = samples.map((each) => each.map((sample) => Math.max(0, sample - emptyMs) / repeats))
    const chosen = contenders[clearlyFastest(times)]!
    if (chosen !== contenders[0]) tuned[dispatch.tactic!] = chosen.point
    timed.push({
      what: dispatch.tactic!,
      points: contenders.map(({ point }, i) => ({ point: inWords(point), ms: median(times[i]!) })),
      chosen: inWords(chosen.point),
    })
  }
  return ended(skipped ? overTime : null)
}

/** How often a dispatch is repeated in a sample, and the milliseconds of such a sample's work. */
async function sampleOf(
  work: (times: number) => Promise<number>,
  onceMs: number,
  leastMs: number,
): Promise<{ readonly repeats: number; readonly ms: number }> {
  let repeats = 1
  let ms = Math.min(onceMs, await work(1))
  while (ms < leastMs && repeats < mostRepeats) {
    // A single run is within the clock's error: so it is not trusted with a long way.
    const more = Math.min(16, Math.max(1.5, leastMs / Math.max(ms, 0.01)))
    repeats = Math.min(mostRepeats, Math.ceil(repeats * more))
    // The least of two: something else may have used the GPU meanwhile.
    ms = Math.min(await work(repeats), await work(repeats))
  }
  return { repeats, ms: Math.max(0, ms) }
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

/** By how much the clock goes on at a time, the least of some: by 0.1 ms in Chromium, by 1 ms in Firefox and Safari. */
function clockStep(): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 3; i++) {
    const started = performance.now()
    let now = started
    while (now === started) now = performance.now()
    least = Math.min(least, now - started)
  }
  return least
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
  return performance.now() - started
}
