import { transfer } from 'comlink'
import { abortedError, type OctavoError } from '../util/octavo-error'
import { errorFromWire } from '../worker/error-transfer'
import type { WireEvent, WireGeneration } from '../worker/protocol'
import type { Connection } from './connection'
import { randomHex } from './random-hex'
import type { CallOptions, PrefillProgress } from './request-types'

/** What a generation reports after it was accepted, beside errors, which are thrown. */
export type GenerationEvent = Exclude<WireEvent, { type: 'accepted' | 'error' | 'prefill' }>
type Accepted = Extract<WireEvent, { type: 'accepted' }>

/** An event of one of several generations. */
export interface IndexedEvent {
  readonly index: number
  readonly event: GenerationEvent
}

/** Generations that run side by side: one for each choice of a request. */
export class Generations {
  /** What each generation said when it was accepted, by index. */
  readonly accepted: Accepted[] = []
  readonly #connection: Connection
  readonly #options: CallOptions
  readonly #running = new Map<number, { readonly id: string; readonly port: MessagePort }>()
  readonly #stopListening: (() => void)[] = []
  readonly #prefill: PrefillProgress[] = []
  #accepted = 0
  #queue: IndexedEvent[] = []
  #error: OctavoError | null = null
  #wake: () => void = () => {}

  private constructor(connection: Connection, options: CallOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** Resolves when every generation has been accepted, so that a bad request fails before there is a stream. */
  static async start(
    connection: Connection,
    requests: readonly Omit<WireGeneration, 'id'>[],
    options: CallOptions,
  ): Promise<Generations> {
    const generations = new Generations(connection, options)
    if (options.signal?.aborted) throw abortedError('The request', options.signal)
    generations.#start(requests)
    generations.#listen(options.signal)
    while (!generations.#error && generations.#accepted < requests.length) await generations.#next()
    if (generations.#error) throw generations.#error
    return generations
  }

  /** The events as they come, until every generation has finished. Leaving the loop aborts what still runs. */
  async *events(): AsyncGenerator<IndexedEvent> {
    try {
      while (true) {
        const events = this.#queue
        this.#queue = []
        yield* events
        if (this.#queue.length > 0) continue
        if (this.#running.size === 0) break
        await this.#next()
      }
      if (this.#error) throw this.#error
    } finally {
      this.abort()
    }
  }

  /** Ends what still runs, and with it the loop over the events; blocks are free within one step. */
  abort(): void {
    this.#queue = []
    this.#stop()
  }

  #listen(signal: AbortSignal | undefined): void {
    this.#stopListening.push(this.#connection.onEnd((error) => this.#fail(error)))
    if (!signal) return
    const aborted = () => this.#fail(abortedError('The request', signal))
    signal.addEventListener('abort', aborted)
    this.#stopListening.push(() => signal.removeEventListener('abort', aborted))
  }

  /** In one message, so that the worker takes all of them or none. */
  #start(requests: readonly Omit<WireGeneration, 'id'>[]): void {
    const ports: MessagePort[] = []
    const named = requests.map((request, index): WireGeneration => {
      const id = randomHex(8)
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = ({ data }: MessageEvent<readonly WireEvent[]>) => this.#receive(index, data)
      this.#running.set(index, { id, port: port1 })
      ports.push(port2)
      return { id, ...request }
    })
    this.#connection
      .call((service) => service.generate(named, transfer(ports, ports)))
      .catch((error: OctavoError) => this.#fail(error))
  }

  #receive(index: number, events: readonly WireEvent[]): void {
    if (!this.#running.has(index)) return
    for (const event of events) {
      if (event.type === 'accepted') this.#accept(index, event)
      else if (event.type === 'error') this.#fail(errorFromWire(event.error))
      else if (event.type === 'prefill') this.#reportPrefill(index, event.done, event.total)
      else this.#queue.push({ index, event })
      if (event.type === 'finish') this.#finished(index)
    }
    this.#wake()
  }

  #accept(index: number, event: Accepted): void {
    this.accepted[index] = event
    this.#accepted++
    this.#prefill[index] = { doneTokens: 0, totalTokens: event.promptIds.length }
  }

  #reportPrefill(index: number, done: number, total: number): void {
    const { onPrefill } = this.#options
    this.#prefill[index] = { doneTokens: done, totalTokens: total }
    const doneTokens = sum(this.#prefill.map((each) => each.doneTokens))
    const totalTokens = sum(this.#prefill.map((each) => each.totalTokens))
    // Apart, so that what the callback throws is the app's and does not cut the stream.
    if (onPrefill) queueMicrotask(() => onPrefill({ doneTokens, totalTokens }))
  }

  /** What came before the error is still given; the error comes after it. */
  #fail(error: OctavoError): void {
    if (this.#running.size === 0) return
    this.#error = error
    this.#stop()
  }

  #stop(): void {
    for (const [index, { id }] of this.#running) {
      this.#connection.notify((service) => service.abort(id))
      this.#finished(index)
    }
    this.#wake()
  }

  #finished(index: number): void {
    this.#running.get(index)?.port.close()
    this.#running.delete(index)
    if (this.#running.size === 0) for (const stop of this.#stopListening.splice(0)) stop()
  }

  /** Resolves at the next news. */
  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
