import { Engine } from '../src/engine/engine'
import { bufferUsage } from '../src/gpu/flags'
import type { Runner } from '../src/model/step'
import { replaceMethod, watchDevices } from '../test/support/watch-device'

/** When one step did what, in milliseconds of `performance.now()`. */
export interface StepMarks {
  /** It only decodes, and so many sequences. */
  readonly decoding: number
  readonly scheduleAt: number
  readonly runAt: number
  recordAt: number
  submitAt: number
  submittedAt: number
  /** Its ids can be read; null for a step that has none. */
  mappedAt: number | null
  /** From here the page worked on what was read, until `doneAt`. */
  postprocessAt: number
  doneAt: number
}

/** Notes when the steps of an engine are scheduled, recorded, submitted and read, at the device and at the engine. */
export class StepClock {
  readonly steps: StepMarks[] = []
  #current: StepMarks | null = null

  /** A `GPU` whose devices tell the clock what they are asked. */
  watch(gpu: GPU): GPU {
    return watchDevices(gpu, (device) => {
      const createEncoder = replaceMethod(device, 'createCommandEncoder', (descriptor) => {
        if (this.#current) this.#current.recordAt = performance.now()
        return createEncoder(descriptor)
      })
      const submit = replaceMethod(device.queue, 'submit', (buffers) => {
        if (this.#current) this.#current.submitAt = performance.now()
        submit(buffers)
        if (this.#current) this.#current.submittedAt = performance.now()
      })
      const createBuffer = replaceMethod(device, 'createBuffer', (descriptor: GPUBufferDescriptor) => {
        const buffer: GPUBuffer = createBuffer(descriptor)
        if (descriptor.usage & bufferUsage.mapRead) this.#watchMapping(buffer)
        return buffer
      })
    })
  }

  #watchMapping(buffer: GPUBuffer): void {
    const map = replaceMethod(buffer, 'mapAsync', (...range) => {
      const step = this.#current
      const mapped: Promise<undefined> = map(...range)
      return mapped.then(() => {
        if (step) step.mappedAt = performance.now()
      })
    })
  }

  /** An engine over the runner, every step of which is noted. */
  engine(runner: Runner): Engine {
    const clock = this
    let scheduleAt = 0
    const timed: Runner = {
      limits: runner.limits,
      isLost: () => runner.isLost(),
      run: (chunks) => {
        const decodes = chunks.every(({ ids }) => ids === 'sampled')
        const step = newStep(decodes ? chunks.length : 0, scheduleAt)
        clock.steps.push(step)
        clock.#current = step
        const results = runner.run(chunks)
        clock.#current = null
        return results
      },
    }
    class TimedEngine extends Engine {
      override async step(): Promise<void> {
        const read = clock.steps.at(-1)
        scheduleAt = performance.now()
        await super.step()
        const doneAt = performance.now()
        const submitted = clock.steps.at(-1)
        if (!read || !submitted) return
        read.doneAt = doneAt
        read.postprocessAt = Math.max(read.mappedAt ?? 0, submitted.submittedAt)
      }
    }
    return new TimedEngine(timed)
  }
}

function newStep(decoding: number, scheduleAt: number): StepMarks {
  const runAt = performance.now()
  return {
    decoding,
    scheduleAt,
    runAt,
    recordAt: 0,
    submitAt: 0,
    submittedAt: 0,
    mappedAt: null,
    postprocessAt: 0,
    doneAt: 0,
  }
}
