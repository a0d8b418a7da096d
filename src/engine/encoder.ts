import type { EncoderRunner, EncoderSequence } from '../model/encoder-step'
import { abortedError, OctavoError } from '../util/octavo-error'
import { CurrentRunner } from './current-runner'
import { internalError } from './internal-error'

/** Batches that are submitted before the first of them has been read, so that the GPU does not wait for the CPU. */
const batchesInFlight = 2

/** One request: sequences of which all come back, or none. */
interface Call {
  readonly sequences: readonly EncoderSequence[]
  /** Indices of those that are not submitted, in order. */
  readonly waiting: number[]
  readonly outputs: Float32Array[]
  /** How many have not come back. */
  left: number
  /** Called once, with null where all have come back. */
  readonly onEnd: (error: OctavoError | null) => void
}

interface Submitted {
  readonly call: Call
  readonly index: number
  readonly sequence: EncoderSequence
}

/** Runs the sequences of many requests through an encoder, as many in a batch as it takes. */
export class Encoder {
  readonly #maxWaiting: number
  readonly #current: CurrentRunner<EncoderRunner>
  #limits: EncoderRunner['limits']
  /** In the order in which they give to the next batch. */
  #calls: Call[] = []
  readonly #inFlight = new Set<readonly Submitted[]>()
  #steps = 0

  constructor(runner: EncoderRunner, { maxWaiting }: { readonly maxWaiting: number }) {
    this.#current = new CurrentRunner(runner)
    this.#limits = runner.limits
    this.#maxWaiting = maxWaiting
  }

  /** Of the runner, or while there is none of the one before. */
  get limits(): EncoderRunner['limits'] {
    return this.#limits
  }

  /**
   * The runner's outputs of each sequence. Each has at least one id and at most `limits.maxTokens`.
   *
   * @throws OctavoError 'aborted', 'queue-full', or what ended the encoder
   */
  async encode(sequences: readonly EncoderSequence[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    if (this.#current.ended) throw this.#current.ended
    if (signal.aborted) throw abortedError('The request', signal)
    if (sequences.length === 0) return []
    if (this.#calls.length > this.#maxWaiting) throw queueFull(this.#calls.length)
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#end(call, abortedError('The request', signal))
      const call: Call = {
        sequences,
        waiting: sequences.map((_, index) => index),
        outputs: [],
        left: sequences.length,
        onEnd: (error) => {
          signal.removeEventListener('abort', onAbort)
          if (error) reject(error)
          else resolve(call.outputs)
        },
      }
      signal.addEventListener('abort', onAbort)
      this.#calls.push(call)
      // Requests that come in one turn of the thread go into one batch.
      queueMicrotask(() => this.#fill())
    })
  }

  stats(): {
    readonly running: number
    readonly waiting: number
    readonly steps: number
    readonly recovering: boolean
  } {
    const waiting = this.#calls.filter((call) => call.waiting.length === call.sequences.length).length
    const running = this.#calls.length - waiting
    return { running, waiting, steps: this.#steps, recovering: this.#current.recovering }
  }

  /** It answers nothing more. */
  get ended(): boolean {
    return this.#current.ended !== null
  }

  /** Ends every request with the error, now and from now on. */
  stop(error: OctavoError): void {
    this.#current.end(error)
    for (const call of this.#calls) this.#end(call, error)
  }

  /** The GPU is gone, and with it what is in flight: requests wait for `resume`. */
  pause(): void {
    this.#current.lose()
    for (const { call, index } of [...this.#inFlight].flat()) call.waiting.push(index)
    for (const { waiting } of this.#calls) waiting.sort((a, b) => a - b)
    this.#inFlight.clear()
  }

  /** Goes on with another runner of the same model. */
  resume(runner: EncoderRunner): void {
    this.#current.replace(runner)
    this.#limits = runner.limits
    this.#fill()
  }

  #fill(): void {
    const { runner } = this.#current
    while (runner && this.#inFlight.size < batchesInFlight) {
      const batch = this.#takeBatch()
      if (batch.length === 0) return
      this.#inFlight.add(batch)
      void this.#run(runner, batch)
    }
  }

  /**
   * One sequence of each request in turn while they fit, so that a short request need not wait for a long one. Who was
   * first is last in the next batch; the first sequence of a batch is taken however long it is.
   */
  #takeBatch(): readonly Submitted[] {
    const { maxBatchTokens, maxSequences } = this.#limits
    const batch: Submitted[] = []
    let tokens = 0
    const take = (call: Call): boolean => {
      const [index] = call.waiting
      if (index === undefined) return false
      const sequence = call.sequences[index]!
      const fits = batch.length < maxSequences && tokens + sequence.ids.length <= maxBatchTokens
      if (batch.length > 0 && !fits) return false
      batch.push({ call, index, sequence })
      call.waiting.shift()
      tokens += sequence.ids.length
      return true
    }
    for (let calls: readonly Call[] = this.#calls; calls.length > 0; ) calls = calls.filter(take)
    const [first, ...others] = this.#calls
    if (first) this.#calls = [...others, first]
    return batch
  }

  async #run(runner: EncoderRunner, batch: readonly Submitted[]): Promise<void> {
    this.#steps += 1
    try {
      const outputs = await runner.run(batch.map(({ sequence }) => sequence))
      // Else the GPU has been lost since, and another computes it again.
      if (!this.#inFlight.has(batch)) return
      for (const [i, { call, index }] of batch.entries()) {
        call.outputs[index] = outputs[i]!
        call.left -= 1
        if (call.left === 0) this.#end(call, null)
      }
    } catch (error) {
      const wasLost = await this.#current.wasLost(runner)
      // Else another may be there by now.
      if (wasLost && runner === this.#current.runner) this.pause()
      if (!wasLost) this.stop(internalError('A step of the encoder', error))
    } finally {
      if (this.#inFlight.delete(batch)) this.#fill()
    }
  }

  #end(call: Call, error: OctavoError | null): void {
    if (!this.#calls.includes(call)) return
    this.#calls = this.#calls.filter((each) => each !== call)
    call.onEnd(error)
  }
}

function queueFull(waiting: number): OctavoError {
  return new OctavoError(
    'queue-full',
    `${waiting} requests run or wait for their turn already.`,
    'Send the request again when others have ended, give more texts in one, or load the model with a larger maxWaiting.',
  )
}
