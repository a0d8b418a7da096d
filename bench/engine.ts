import { createEngine, type Engine } from '../src/index'
import type { Precision } from '../src/util/precision'
import { adapterName } from './adapter-name'
import { jsMsPerStep } from './js-time'
import { median } from './median'

export interface EngineBenchOptions {
  /** A reference as `createEngine` takes it. */
  readonly model: string | File
  /** In Node: the GPU. In a browser: none, and the engine runs in its worker. */
  readonly gpu?: GPU
  readonly precision?: Precision
  readonly promptTokens: number
  readonly decodeTokens: number
  readonly repeats: number
}

export interface EngineFigures {
  readonly adapter: string
  readonly figures: {
    readonly model: string
    readonly features: string
    readonly variants: string
    readonly precision: Precision
    /** Load with nothing stored, and again from this device's store; a `File` is never stored. */
    readonly loadColdMs: number
    readonly loadWarmMs: number
    readonly peakGpuBytes: number
    readonly promptTokens: number
    /** Medians over the repeats. */
    readonly timeToFirstTokenMs: number
    readonly prefillTokensPerSecond: number
    readonly decodeTokensPerSecond: number
    readonly jsMsPerStep: number
  }
}

/**
 * Loads twice, then times prompts of fixed length and their answers through the public API. `onColdLoaded` is waited
 * for between the first load and anything else.
 */
export async function benchEngine(
  options: EngineBenchOptions,
  onColdLoaded: () => Promise<void> = () => Promise.resolve(),
): Promise<EngineFigures> {
  const cold = await load(options)
  await onColdLoaded()
  await cold.engine.unload()
  const { engine, ms: loadWarmMs } = await load(options)
  const firstMs: number[] = []
  const decodeRates: number[] = []
  // The first repetition compiles what is compiled late, and does not count.
  for (let i = 0; i <= options.repeats; i++) {
    const times = await timeTokens(engine, options, i)
    if (i === 0) continue
    firstMs.push(times[0]!)
    decodeRates.push((1000 * (times.length - 1)) / (times.at(-1)! - times[0]!))
  }
  const { info } = engine
  await engine.unload()
  const timeToFirstTokenMs = median(firstMs)
  return {
    adapter: adapterName(info),
    figures: {
      model: info.model.file,
      features: info.device.features.join(' '),
      variants: info.variants.name ?? '',
      precision: info.precision,
      loadColdMs: cold.ms,
      loadWarmMs,
      peakGpuBytes: info.peakGpuBytes,
      promptTokens: options.promptTokens,
      timeToFirstTokenMs,
      prefillTokensPerSecond: (1000 * options.promptTokens) / timeToFirstTokenMs,
      decodeTokensPerSecond: median(decodeRates),
      jsMsPerStep: await jsMsPerStep(),
    },
  }
}

async function load({
  model,
  gpu,
  precision = 'exact',
}: EngineBenchOptions): Promise<{ engine: Engine; ms: number }> {
  const started = performance.now()
  const engine = await createEngine({ model, precision, ...(gpu ? { gpu } : {}) })
  return { engine, ms: performance.now() - started }
}

/** Milliseconds from the request to each token of the answer. The prompts of two rounds share no beginning. */
async function timeTokens(engine: Engine, options: EngineBenchOptions, round: number): Promise<number[]> {
  const prompt = Array.from({ length: options.promptTokens }, (_, t) => 100 + ((31 * t + 7 * round) % 2000))
  const started = performance.now()
  const times: number[] = []
  const stream = await engine.completions.create({
    prompt,
    max_tokens: options.decodeTokens,
    temperature: 0,
    ignore_eos: true,
    stream: true,
    return_token_ids: true,
  })
  for await (const chunk of stream) {
    for (const _ of chunk.choices[0]?.token_ids ?? []) times.push(performance.now() - started)
  }
  return times
}
