import { createEngine, type Engine } from '../src/index'
import { watchDevices, watchMethod } from '../test/support/watch-device'
import { adapterName } from './adapter-name'
import { median } from './median'

export interface ColdBenchOptions {
  /** A reference as `createEngine` takes it: in a browser its chunks lie in the store from the second load on. */
  readonly model: string | File
  readonly gpu: GPU
  readonly promptTokens: number
  readonly repeats: number
}

/** Milliseconds of the parts of a start. The first four follow one another. */
export interface ColdParts {
  /** What the reference means, the header, tokenizer, template and the GPU: until there is a device. */
  readonly openMs: number
  /** Room on it, linked shaders, and the first chunk's way from the disk: until weights reach the GPU. */
  readonly roomMs: number
  /** From the first piece of weights that is written to the GPU to the last one, while pipelines compile. */
  readonly weightsMs: number
  /** What is waited for behind the weights: the pipelines that still compile, and the check. */
  readonly checkMs: number
  /** From `createEngine`'s answer to the first token. */
  readonly prefillMs: number
  readonly wholeMs: number
  /** With a read from the store or the file pending. */
  readonly readMs: number
  /** With a chunk's hash being taken. */
  readonly hashMs: number
  /** From the first pipeline's begin to the last one's end, and the part of it after the last piece of weights. */
  readonly pipelinesMs: number
  readonly pipelinesAfterMs: number
  /** How long a stream waits whose GPU is taken away: the model is loaded again, and what was read and written computed. */
  readonly lostMs: number
}

export interface ColdFigures {
  readonly adapter: string
  readonly pipelines: number
  /** Of these, how many were begun before weights reached the GPU. */
  readonly begunBefore: number
  /** Medians of each part. */
  readonly parts: ColdParts
}

/** Loads, and asks for one token, several times; the first load fills the store and does not count. */
export async function benchCold({ repeats, ...options }: ColdBenchOptions): Promise<ColdFigures> {
  await coldStart(options)
  const starts: Awaited<ReturnType<typeof coldStart>>[] = []
  for (let i = 0; i < repeats; i++) starts.push(await coldStart(options))
  const [{ adapter, pipelines, begunBefore, parts }] = starts as [(typeof starts)[0]]
  const names = Object.keys(parts) as (keyof ColdParts)[]
  const medians = names.map((name) => [name, median(starts.map((start) => start.parts[name]))])
  return { adapter, pipelines, begunBefore, parts: Object.fromEntries(medians) }
}

async function coldStart({ model, gpu, promptTokens }: Omit<ColdBenchOptions, 'repeats'>) {
  const begun: number[] = []
  const compiled: number[] = []
  const written: number[] = []
  let opened = 0
  let newest: GPUDevice | null = null
  const watched = watchDevices(gpu, (device) => {
    newest = device
    if (opened > 0) return
    opened = performance.now()
    watchMethod(device, 'createComputePipelineAsync', (made) => {
      begun.push(performance.now())
      void (made as Promise<unknown>).then(() => compiled.push(performance.now()))
    })
    watchMethod(device.queue, 'writeBuffer', (_, [buffer]) => {
      if ((buffer as GPUBuffer).label === 'staging') written.push(performance.now())
    })
  })
  const hashing = new BusyTime()
  const reading = new BusyTime()
  const reads =
    typeof model === 'string'
      ? reading.watch(IDBObjectStore.prototype, 'get')
      : reading.watch(Blob.prototype, 'arrayBuffer')
  const watching = [hashing.watch(crypto.subtle, 'digest'), reads]
  const started = performance.now()
  const engine = await createEngine({
    model,
    gpu: watched,
    kvCache: { maxTokens: 8192 },
  })
  const ready = performance.now()
  for (const { undo } of watching) undo()
  const prompt = Array.from({ length: promptTokens }, (_, t) => 100 + ((31 * t) % 1900))
  await engine.completions.create({ prompt, max_tokens: 1, temperature: 0 })
  const ended = performance.now()
  const adapter = adapterName(engine.info)
  const lostMs = await longestPause(engine, prompt, () => newest!.destroy())
  await engine.unload()
  const [firstWritten, lastWritten] = [written[0]!, written.at(-1)!]
  const lastCompiled = Math.max(...compiled)
  const parts: ColdParts = {
    openMs: opened - started,
    roomMs: firstWritten - opened,
    weightsMs: lastWritten - firstWritten,
    checkMs: ready - lastWritten,
    prefillMs: ended - ready,
    wholeMs: ended - started,
    readMs: reading.ms,
    hashMs: hashing.ms,
    pipelinesMs: lastCompiled - Math.min(...begun),
    pipelinesAfterMs: Math.max(0, lastCompiled - lastWritten),
    lostMs,
  }
  const begunBefore = begun.filter((time) => time <= firstWritten).length
  return { adapter, pipelines: begun.length, begunBefore, parts }
}

/** The longest time between two tokens of a stream; after the eighth, `lose` is called. */
async function longestPause(engine: Engine, prompt: readonly number[], lose: () => void): Promise<number> {
  const body = { prompt, max_tokens: 16, temperature: 0, ignore_eos: true, stream: true } as const
  let longest = 0
  let tokens = 0
  let last = performance.now()
  for await (const _ of await engine.completions.create({ ...body, prompt: [...prompt] })) {
    const now = performance.now()
    if (tokens > 0) longest = Math.max(longest, now - last)
    last = now
    if (++tokens === 8) lose()
  }
  return longest
}

/** How long at least one of some calls was pending. */
class BusyTime {
  ms = 0
  #pending = 0
  #since = 0

  /** Counts calls of a method, which gives a promise or a request of IndexedDB, until `undo` is called. */
  watch(target: object, name: string): { readonly undo: () => void } {
    const methods = target as Record<string, (...args: unknown[]) => Promise<unknown> | IDBRequest>
    const original = methods[name]!
    const begin = () => this.#begin()
    const end = () => this.#end()
    const value = function (this: unknown, ...args: unknown[]) {
      begin()
      const result = original.apply(this, args)
      if (result instanceof Promise) result.then(end, end)
      else for (const event of ['success', 'error']) result.addEventListener(event, end)
      return result
    }
    Object.defineProperty(target, name, { configurable: true, writable: true, value })
    const undo = () =>
      Object.defineProperty(target, name, { configurable: true, writable: true, value: original })
    return { undo }
  }

  #begin(): void {
    if (this.#pending++ === 0) this.#since = performance.now()
  }

  #end(): void {
    if (--this.#pending === 0) this.ms += performance.now() - this.#since
  }
}
