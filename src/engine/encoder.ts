import type { EncoderRunner, EncoderSequence } from '../model/encoder-step'
import { abortedError, OctavoError } from '../util/octavo-error'

/** Batches that are submitted before the first of them has been read, so that the GPU does not wait for the CPU. */
const batchesInFlight = 2

/** One request: sequences of which all come back, or none. */
interface Call {
  readonly sequences: readonly EncoderSequence[]
  /** The first that is not submitted yet. */
  next: number
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
  readonly #runner: EncoderRunner
  readonly #maxWaiting: number
  /** In the order in which they give to the next batch. */
  #calls: Call[] = []
  #inFlight = 0
  #steps = 0
  #ended: OctavoError | null = null

  constructor(runner: EncoderRunner, { maxWaiting }: { readonly maxWaiting: number }) {
    this.#runner = runner
    this.#maxWaiting = maxWaiting
  }

  get limits(): EncoderRunner['limits'] {
    return this.#runner.limits
  }

  /**
   * The runner's outputs of each sequence. Each has at least one id and at most `limits.maxTokens`.
   *
   * @throws OctavoError 'aborted', 'queue-full', or what ended the encoder
   */
  async encode(sequences: readonly EncoderSequence[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    if (this.#ended) throw this.#ended
    if (signal.aborted) throw abortedError('The request', signal)
    if (sequences.length === 0) return []
    if (this.#calls.length > this.#maxWaiting) throw queueFull(this.#calls.length)
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#end(call, abortedError('The request', signal))
      const call: Call = {
        sequences,
        next: 0,
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

  stats(): { readonly running: number; readonly waiting: number; readonly steps: number } {
    const waiting = this.#calls.filter(({ next }) => next === 0).length
    return { running: this.#calls.length - waiting, waiting, steps: this.#steps }
  }

  /** Ends every request with the error, now and from now on. */
  stop(error: OctavoError): void {
    this.#ended ??= error
    for (const call of this.#calls) this.#end(call, error)
  }

  #fill(): void {
    while (this.#inFlight < batchesInFlight) {
      const batch = this.#takeBatch()
      if (batch.length === 0) return
      void this.#run(batch)
    }
  }

  /**
   * One sequence of each request in turn while they fit, so that a short request need not wait for a long one. Who was
   * first is last in the next batch; the first sequence of a batch is taken however long it is.
   */
  #takeBatch(): readonly Submitted[] {
    const { maxBatchTokens, maxSequences } = this.#runner.limits
    const batch: Submitted[] = []
    let tokens = 0
    const take = (call: Call): boolean => {
      const sequence = call.sequences[call.next]
      if (!sequence) return false
      const fits = batch.length < maxSequences && tokens + sequence.ids.length <= maxBatchTokens
      if (batch.length > 0 && !fits) return false
      batch.push({ call, index: call.next, sequence })
      call.next += 1
      tokens += sequence.ids.length
      return true
    }
    for (let calls: readonly Call[] = this.#calls; calls.length > 0; ) calls = calls.filter(take)
    const [first, ...others] = this.#calls
    if (first) this.#calls = [...others, first]
    return batch
  }

  async #run(batch: readonly Submitted[]): Promise<void> {
    this.#inFlight += 1
    this.#steps += 1
    try {
      const outputs = await this.#runner.run(batch.map(({ sequence }) => sequence))
      for (const [i, { call, index }] of batch.entries()) {
        call.outputs[index] = outputs[i]!
        call.left -= 1
        if (call.left === 0) this.#end(call, null)
      }
    } catch (error) {
      this.stop(asOctavoError(error))
    } finally {
      this.#inFlight -= 1
      this.#fill()
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

function asOctavoError(error: unknown): OctavoError {
  if (error instanceof OctavoError) return error
  return new OctavoError(
    'internal',
    `A step of the encoder failed: ${error instanceof Error ? error.message : String(error)}`,
    'Create the engine again; if it happens again, report it with the contents of engine.info.',
    { cause: error },
  )
}
