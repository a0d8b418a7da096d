import { bufferUsage, mapRead } from '../src/gpu/flags'
import { loadModelBytes } from '../test/support/load-model'
import { replaceMethod, watchDevices } from '../test/support/watch-device'
import { adapterName } from './adapter-name'
import { decode } from './decode'
import { StepClock } from './step-clock'

/** One decode step, in milliseconds from the first step's schedule on, GPU and page on one clock. */
export interface TracedStep {
  readonly scheduled: number
  readonly submitted: number
  readonly gpuBegan: number
  readonly gpuEnded: number
  /** The page worked on its ids from here on, until it was done with them. */
  readonly read: number
  readonly done: number
}

export interface Trace {
  readonly adapter: string
  readonly sequences: number
  readonly steps: readonly TracedStep[]
  /** Of the time from the first step's begin to the last one's end, the part in which the GPU had no step. */
  readonly gpuIdleShare: number
  /** Steps that were submitted before the step before them had ended on the GPU. */
  readonly submittedAhead: number
  /** The two clocks can be apart by so much and contradict no step. */
  readonly clockSlackMs: number
}

/** Decodes with a model on a device with timestamps, and gives what each step did when. */
export async function traceDecode(
  gpu: GPU,
  file: Uint8Array<ArrayBuffer>,
  sequences: number,
  count: number,
): Promise<Trace> {
  const clock = new StepClock()
  const timestamps = new PassTimestamps(2 * count)
  const watched = clock.watch(timestamps.watch(gpu))
  const { runner, info, destroy } = await loadModelBytes(file, { gpu: watched, maxSequences: sequences })
  const engine = clock.engine(runner)
  await decode(engine, { sequences, tokens: 3, vocab: info.vocab })
  const before = clock.steps.length
  timestamps.start()
  await decode(engine, { sequences, tokens: count, vocab: info.vocab })
  const nanoseconds = await timestamps.read()
  destroy()
  const passes = clock.steps.slice(before, before + nanoseconds.length / 2).map((marks, i) => ({
    marks,
    began: Number(nanoseconds[2 * i]! - nanoseconds[0]!) / 1e6,
    ended: Number(nanoseconds[2 * i + 1]! - nanoseconds[0]!) / 1e6,
  }))
  const counted = passes.filter(({ marks }) => marks.decoding === sequences)
  // No pass begins before its submit, and none is read before its end.
  const earliest = Math.max(...passes.map(({ marks, began }) => marks.submitAt - began))
  const latest = Math.min(
    ...passes.map(({ marks, ended }) => (marks.mappedAt ?? Number.POSITIVE_INFINITY) - ended),
  )
  const origin = counted[0]!.marks.scheduleAt
  const gpuOffset = (earliest + latest) / 2 - origin
  const steps = counted.map(({ marks, began, ended }) => ({
    scheduled: marks.scheduleAt - origin,
    submitted: marks.submittedAt - origin,
    gpuBegan: began + gpuOffset,
    gpuEnded: ended + gpuOffset,
    read: marks.postprocessAt - origin,
    done: marks.doneAt - origin,
  }))
  return {
    adapter: adapterName(info),
    sequences,
    steps,
    gpuIdleShare: idleShare(steps),
    submittedAhead: steps.filter(({ submitted }, i) => i > 0 && submitted < steps[i - 1]!.gpuEnded).length,
    clockSlackMs: latest - earliest,
  }
}

function idleShare(steps: readonly TracedStep[]): number {
  const gaps = steps.slice(1).map(({ gpuBegan }, i) => Math.max(0, gpuBegan - steps[i]!.gpuEnded))
  const idle = gaps.reduce((sum, gap) => sum + gap, 0)
  return idle / (steps.at(-1)!.gpuEnded - steps[0]!.gpuBegan)
}

/** Has every compute pass of a device note when it begins and ends, as far as the query set goes. */
class PassTimestamps {
  #device: GPUDevice | null = null
  #queries: GPUQuerySet | null = null
  #passes = 0

  constructor(readonly capacity: number) {}

  watch(gpu: GPU): GPU {
    return watchDevices(gpu, (device) => {
      this.#device = device
      const createEncoder = replaceMethod(device, 'createCommandEncoder', (descriptor) => {
        const encoder: GPUCommandEncoder = createEncoder(descriptor)
        const begin = replaceMethod(encoder, 'beginComputePass', () => begin(this.#nextPass()))
        return encoder
      })
    })
  }

  /** Notes passes from now on. */
  start(): void {
    this.#queries = this.#device!.createQuerySet({ type: 'timestamp', count: this.capacity })
  }

  #nextPass(): GPUComputePassDescriptor {
    const index = 2 * this.#passes
    if (!this.#queries || index + 2 > this.capacity) return {}
    this.#passes += 1
    return {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: index,
        endOfPassWriteIndex: index + 1,
      },
    }
  }

  /** Nanoseconds of the device's clock: begin and end of each pass. */
  async read(): Promise<BigUint64Array> {
    const [device, queries, count] = [this.#device!, this.#queries!, 2 * this.#passes]
    const size = 8 * count
    const resolved = device.createBuffer({
      size,
      usage: bufferUsage.queryResolve | bufferUsage.copySrc,
    })
    const copy = device.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyDst })
    const encoder = device.createCommandEncoder()
    encoder.resolveQuerySet(queries, 0, count, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, copy, 0, size)
    device.queue.submit([encoder.finish()])
    await copy.mapAsync(mapRead)
    return new BigUint64Array(copy.getMappedRange().slice(0))
  }
}

/** As chrome://tracing and Perfetto read it: the page's work and the GPU's as two rows, a step's read-back as an arrow. */
export function chromeTrace({ steps, adapter }: Trace): object {
  const [page, gpu] = [1, 2]
  const span = (name: string, row: number, from: number, to: number) => ({
    name,
    ph: 'X',
    pid: 1,
    tid: row,
    ts: 1000 * from,
    dur: 1000 * (to - from),
  })
  const arrow = (ph: 's' | 'f', id: number, row: number, at: number) => ({
    name: 'ids',
    cat: 'ids',
    ph,
    id,
    pid: 1,
    tid: row,
    ts: 1000 * at,
    bp: 'e',
  })
  const label = (name: string, tid: number) => ({ name: 'thread_name', ph: 'M', pid: 1, tid, args: { name } })
  return {
    traceEvents: [
      label('page', page),
      label(adapter, gpu),
      ...steps.flatMap(({ scheduled, submitted, gpuBegan, gpuEnded, read, done }, i) => [
        span(`schedule to submit ${i}`, page, scheduled, submitted),
        span(`step ${i}`, gpu, gpuBegan, gpuEnded),
        arrow('s', i, gpu, gpuEnded),
        arrow('f', i, page, read),
        span(`read ${i}`, page, read, done),
      ]),
    ],
  }
}
