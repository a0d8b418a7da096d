import { createEngine, type Engine } from '../src/index'
import { adapterName } from './adapter-name'
import { median } from './median'
import { RunningStream } from './running-stream'

export interface BatchBenchOptions {
  /** A reference as `createEngine` takes it. */
  readonly model: string | File
  /** In Node: the GPU. In a browser: none, and the engine runs in its worker. */
  readonly gpu?: GPU
  /** How many requests run at once, one figure each. */
  readonly sequences: readonly number[]
  readonly promptTokens: number
  /** Tokens of each request that are timed while all of them run. */
  readonly decodeTokens: number
  /** Tokens of the prompt that tells the rate of prefill. */
  readonly prefillTokens: number
  /** Tokens of the prompt that comes while streams run, and how many of those run. */
  readonly longPromptTokens: number
  readonly streams: readonly number[]
}

export interface BatchRow {
  readonly sequences: number
  /** Of all together. */
  readonly tokensPerSecond: number
  /** From the request of the last one, while the others decode, to its first token. */
  readonly lateFirstTokenMs: number
}

export interface StallRow {
  readonly streams: number
  /** Between two tokens of a stream: ordinarily, and the longest while the long prompt is prefilled. */
  readonly ordinaryGapMs: number
  readonly longestGapMs: number
  readonly longFirstTokenMs: number
}

export interface BatchFigures {
  readonly adapter: string
  readonly prefillTokensPerSecond: number
  readonly rows: readonly BatchRow[]
  readonly stalls: readonly StallRow[]
}

/** More than any stream decodes before it is stopped. */
const mostTokens = 2000

/** Times requests that run side by side, through the public API. */
export async function benchBatch(options: BatchBenchOptions): Promise<BatchFigures> {
  const { model, gpu, longPromptTokens, prefillTokens, promptTokens } = options
  const most = Math.max(...options.sequences, ...options.streams.map((streams) => streams + 1))
  const engine = await createEngine({
    model,
    maxSequences: most,
    kvCache: { maxTokens: Math.max(4096, longPromptTokens + 100 + most * (promptTokens + 200)) },
    ...(gpu ? { gpu } : {}),
  })
  // The first requests compile what is compiled late, and do not count.
  await timeSequences(engine, 2, { ...options, decodeTokens: 2 })
  const prefillMs = await firstTokenMs(engine, prefillTokens)
  const rows: BatchRow[] = []
  for (const sequences of options.sequences) rows.push(await timeSequences(engine, sequences, options))
  const stalls: StallRow[] = []
  for (const streams of options.streams) stalls.push(await timeStall(engine, streams, options))
  await engine.unload()
  const prefillTokensPerSecond = (1000 * prefillTokens) / prefillMs
  return { adapter: adapterName(engine.info), prefillTokensPerSecond, rows, stalls }
}

async function firstTokenMs(engine: Engine, tokens: number): Promise<number> {
  const stream = new RunningStream(engine, newPrompt(tokens), 1)
  await stream.ended
  return stream.firstTokenMs
}

async function timeSequences(
  engine: Engine,
  sequences: number,
  { promptTokens, decodeTokens }: Pick<BatchBenchOptions, 'promptTokens' | 'decodeTokens'>,
): Promise<BatchRow> {
  const others = await startStreams(engine, sequences - 1, promptTokens)
  const late = new RunningStream(engine, newPrompt(promptTokens), mostTokens)
  const all = [...others, late]
  // A token after the first, all of them decode and nothing else.
  await late.reach(2 + decodeTokens)
  const [from, to] = [late.tokensAt[1]!, late.tokensAt[1 + decodeTokens]!]
  await Promise.all(all.map((stream) => stream.stop()))
  const seconds = (to - from) / 1000
  // Streams get their tokens of a step one after the other; each has as many steps in this time.
  return {
    sequences,
    tokensPerSecond: (sequences * decodeTokens) / seconds,
    lateFirstTokenMs: late.firstTokenMs,
  }
}

async function timeStall(
  engine: Engine,
  streams: number,
  { promptTokens, decodeTokens, longPromptTokens }: BatchBenchOptions,
): Promise<StallRow> {
  const running = await startStreams(engine, streams, promptTokens)
  const before = running.map(({ tokensAt }) => tokensAt.length)
  await running[0]!.reach(before[0]! + decodeTokens)
  const arrival = performance.now()
  const longFirstTokenMs = await firstTokenMs(engine, longPromptTokens)
  const end = arrival + longFirstTokenMs
  await Promise.all(running.map((stream) => stream.stop()))
  const gaps = running.flatMap(({ tokensAt }, i) =>
    tokensAt.map((at, token) => ({ at, ms: at - (tokensAt[token - 1] ?? at) })).slice(before[i]! + 1),
  )
  // A gap in which the prompt's prefill began or ended counts among those with it.
  const stalled = gaps.filter(({ at, ms }) => at > arrival && at - ms < end)
  return {
    streams,
    ordinaryGapMs: median(gaps.filter(({ at }) => at <= arrival).map(({ ms }) => ms)),
    longestGapMs: Math.max(...stalled.map(({ ms }) => ms)),
    longFirstTokenMs,
  }
}

/** Streams that all decode. */
async function startStreams(engine: Engine, count: number, promptTokens: number): Promise<RunningStream[]> {
  const streams = Array.from(
    { length: count },
    () => new RunningStream(engine, newPrompt(promptTokens), mostTokens),
  )
  await Promise.all(streams.map((stream) => stream.reach(2)))
  return streams
}

let prompts = 0

/** A prompt that shares no beginning with another, so that nothing of it is cached. */
function newPrompt(tokens: number): number[] {
  prompts += 1
  return Array.from({ length: tokens }, (_, i) => 100 + ((31 * i + 7 * prompts) % 2000))
}
