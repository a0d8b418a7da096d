import { Engine } from '../src/engine/engine'
import type { LoadedModel } from '../src/model/load'
import type { KvFormat } from '../src/util/kv-format'
import type { TestLoadOptions } from '../test/support/load-model'
import { adapterName } from './adapter-name'
import { decode } from './decode'
import { median } from './median'

export interface ContextBenchOptions {
  readonly format: KvFormat
  readonly contexts: readonly number[]
  /** Tokens that are decoded at each context in each round. */
  readonly tokens: number
  readonly rounds: number
}

export interface ContextRow {
  readonly context: number
  readonly tokensPerSecond: number
  /** Bytes that the dispatches of a step walk, as their kernels' records declare them. */
  readonly bytesWalked: number
  /** Of the first context's rate: measured, and foretold by the bytes alone. */
  readonly ratio: number
  readonly predictedRatio: number
}

export interface ContextFigures {
  readonly adapter: string
  readonly rows: readonly ContextRow[]
}

/**
 * Times decode steps at several contexts. The longest is prefilled once; the others are beginnings of it, which the
 * prefix cache keeps, so that rounds go from context to context and no busy moment of the machine meets one of them only.
 */
export async function benchContext(
  load: (options: TestLoadOptions) => Promise<LoadedModel>,
  { format, contexts, tokens, rounds }: ContextBenchOptions,
): Promise<ContextFigures> {
  const longest = Math.max(...contexts)
  // Room for what is decoded at each context beside the longest.
  const maxTokens = longest + contexts.length * (rounds + 1) * (tokens + 64)
  const { runner, info, destroy } = await load({ format, maxTokens, maxBatchTokens: 256 })
  const engine = new Engine(runner)
  await decode(engine, { promptTokens: longest, tokens: 1, vocab: info.vocab })
  const gaps = contexts.map((): number[] => [])
  const bytes = contexts.map(() => 0)
  for (let round = 0; round < rounds; round++) {
    for (const [i, context] of contexts.entries()) {
      let last: number | null = null
      const onToken = () => {
        const now = performance.now()
        if (last !== null) gaps[i]!.push(now - last)
        // The last token is read when no step follows it: the step before is the one that counts.
        else bytes[i] = runner.bytesWalked
        last = now
      }
      await decode(engine, { promptTokens: context, tokens: tokens + 1, vocab: info.vocab, onToken })
    }
  }
  const { blockSize } = runner.limits
  // The last token of a prompt is always computed.
  const cached = contexts.map((context) => context - 1 - ((context - 1) % blockSize))
  const missed = rounds * cached.reduce((sum, each) => sum + each, 0) - engine.stats().prefixHitTokens
  destroy()
  if (missed > 0) throw new Error(`${missed} tokens that had been prefilled were no longer in the cache`)
  const rates = gaps.map((each) => 1000 / median(each))
  const rows = contexts.map((context, i) => ({
    context,
    tokensPerSecond: rates[i]!,
    bytesWalked: bytes[i]!,
    ratio: rates[i]! / rates[0]!,
    predictedRatio: bytes[0]! / bytes[i]!,
  }))
  return { adapter: adapterName(info), rows }
}
