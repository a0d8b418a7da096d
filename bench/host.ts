import { Engine } from '../src/engine/engine'
import type { LoadedModel } from '../src/model/load'
import { loadModelBytes, type TestLoadOptions } from '../test/support/load-model'
import { tinyModel } from '../test/support/tiny-model'
import { adapterName } from './adapter-name'
import { decode } from './decode'
import { median, quantile } from './median'
import { noOpGpu } from './no-op-gpu'
import { StepClock, type StepMarks } from './step-clock'

/** A part of a decode step that the page's processor does. */
export const hostParts = ['schedule', 'batch', 'record', 'submit', 'toSubmit', 'postprocess'] as const

/** Milliseconds over the steps that were timed. */
export interface HostTime {
  readonly median: number
  readonly p95: number
}

export interface HostFigures {
  readonly adapter: string
  readonly sequences: number
  readonly steps: number
  /** `toSubmit` is schedule to submit, all four before it together. */
  readonly times: Readonly<Record<(typeof hostParts)[number], HostTime>>
}

export interface Garbage {
  readonly sequences: number
  /** Bytes of JavaScript's heap that a step takes and gives back. */
  readonly bytesPerStep: number
  /** Bytes that a step leaves and that no collection takes. */
  readonly keptBytesPerStep: number
}

const layers = 30
const context = 2048
/** Tokens that are decoded before anything is measured. */
const warmTokens = 300

/** A model of 30 layers; its widths change nothing in JavaScript's part. */
function loadThin(gpu: GPU): Promise<LoadedModel> {
  const { file } = tinyModel({ layers, contextLength: context })
  return loadModelBytes(file, { gpu, maxTokens: 16 * context, maxSequences: 16 })
}

/** Times the parts of decode steps of a 30-layer model on a device that does nothing. */
export async function timeNoOp(sequences: number, steps: number): Promise<HostFigures> {
  const clock = new StepClock()
  const model = await loadThin(clock.watch(noOpGpu()))
  const engine = clock.engine(model.runner)
  await decode(engine, { sequences, tokens: warmTokens, vocab: model.info.vocab })
  return figures(model, clock, { sequences, steps })
}

/** The same with a real model on a real device. */
export async function timeReal(
  gpu: GPU,
  file: Uint8Array<ArrayBuffer>,
  sequences: number,
  steps: number,
): Promise<HostFigures> {
  const clock = new StepClock()
  const options: TestLoadOptions = { gpu: clock.watch(gpu), maxTokens: 4096, maxSequences: 16 }
  return figures(await loadModelBytes(file, options), clock, { sequences, steps })
}

async function figures(
  { info, runner, destroy }: LoadedModel,
  clock: StepClock,
  { sequences, steps }: { sequences: number; steps: number },
): Promise<HostFigures> {
  const before = clock.steps.length
  // Some tokens more, for the steps at both ends in which not all sequences decode.
  await decode(clock.engine(runner), { sequences, tokens: steps + 5, vocab: info.vocab })
  destroy()
  const counted = clock.steps
    .slice(before)
    .filter(({ decoding }) => decoding === sequences)
    .slice(1, steps + 1)
  if (counted.length < steps) throw new Error(`${counted.length} of ${steps} steps had all sequences`)
  const times = Object.fromEntries(
    hostParts.map((part) => [part, spread(counted.map((step) => partMs[part](step)))]),
  )
  return {
    adapter: adapterName(info),
    sequences,
    steps: counted.length,
    times: times as HostFigures['times'],
  }
}

const partMs: Readonly<Record<(typeof hostParts)[number], (step: StepMarks) => number>> = {
  schedule: ({ scheduleAt, runAt }) => runAt - scheduleAt,
  batch: ({ runAt, recordAt }) => recordAt - runAt,
  record: ({ recordAt, submitAt }) => submitAt - recordAt,
  submit: ({ submitAt, submittedAt }) => submittedAt - submitAt,
  toSubmit: ({ scheduleAt, submittedAt }) => submittedAt - scheduleAt,
  postprocess: ({ postprocessAt, doneAt }) => doneAt - postprocessAt,
}

function spread(values: readonly number[]): HostTime {
  return { median: median(values), p95: quantile(values, 0.95) }
}

/** What decode steps on a device that does nothing leave on the heap; `collect` runs a whole garbage collection. */
export async function measureGarbage(sequences: number, collect: () => void): Promise<Garbage> {
  const { runner, info } = await loadThin(noOpGpu())
  const steps = 200
  const heap = () => process.memoryUsage().heapUsed
  // The middle of one long run: what begins and ends a generation is not a step's.
  let tokens = 0
  let [before, after, kept] = [0, 0, 0]
  const onToken = () => {
    tokens += 1
    if (tokens === warmTokens * sequences) {
      collect()
      before = heap()
    }
    if (tokens !== (warmTokens + steps) * sequences) return
    after = heap()
    collect()
    kept = heap()
  }
  await decode(new Engine(runner), {
    sequences,
    tokens: warmTokens + steps + 2,
    vocab: info.vocab,
    onToken,
  })
  return {
    sequences,
    bytesPerStep: (after - before) / steps,
    keptBytesPerStep: (kept - before) / steps,
  }
}

/** Gives a profiler steady decode steps to watch, and the milliseconds that one took. */
export async function decodeForProfile(
  sequences: number,
  steps: number,
  watched: (run: () => Promise<void>) => Promise<void>,
): Promise<number> {
  const { runner, info } = await loadThin(noOpGpu())
  const engine = new Engine(runner)
  const run = async (all: number) => {
    for (let left = all; left > 0; left -= 1000)
      await decode(engine, { sequences, tokens: Math.min(left, 1000), vocab: info.vocab })
  }
  await run(warmTokens)
  let ms = 0
  await watched(async () => {
    const started = performance.now()
    await run(steps)
    ms = performance.now() - started
  })
  return ms / steps
}
