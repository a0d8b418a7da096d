import { createEngine } from '../src/index'
import { type KvFormat, kvFormats } from '../src/util/kv-format'
import type { Precision } from '../src/util/precision'

export interface PerplexityOptions {
  readonly model: File
  readonly gpu: GPU
  /** Ids of the passage; every one but the first is scored. */
  readonly ids: readonly number[]
  readonly formats: readonly KvFormat[]
  readonly precisions: readonly Precision[]
}

export interface PerplexityRow {
  readonly precision: Precision
  readonly format: KvFormat
  readonly perplexity: number
  /** The greatest difference of a token's log-probability from that of the first row. */
  readonly greatestDifference: number
  /** Of all layers. */
  readonly bytesPerToken: number
  /** KV blocks that a mebibyte holds. */
  readonly blocksPerMebibyte: number
}

/** exp(−mean log-probability) of a passage for each precision and format of the KV cache; f32 first where it is asked for. */
export async function benchPerplexity(options: PerplexityOptions): Promise<PerplexityRow[]> {
  const rows: PerplexityRow[] = []
  let first: readonly number[] | null = null
  const formats = kvFormats.filter((each) => options.formats.includes(each))
  const all = options.precisions.flatMap((precision) => formats.map((format) => ({ precision, format })))
  for (const { precision, format } of all) {
    const { logprobs, bytesPerToken, blockBytes } = await score(options, precision, format)
    const others: readonly number[] = first ?? logprobs
    first ??= logprobs
    rows.push({
      precision,
      format,
      perplexity: Math.exp(-logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length),
      greatestDifference: Math.max(...logprobs.map((logprob, i) => Math.abs(logprob - others[i]!))),
      bytesPerToken,
      blocksPerMebibyte: 1024 ** 2 / blockBytes,
    })
  }
  return rows
}

async function score({ model, gpu, ids }: PerplexityOptions, precision: Precision, format: KvFormat) {
  const kvCache = { format, maxTokens: ids.length + 64 }
  const engine = await createEngine({ model, gpu, precision, kvCache })
  const answer = await engine.completions.create({ prompt: [...ids], max_tokens: 0, prompt_logprobs: 0 })
  const { bytes, blocks, maxTokens } = engine.info.kvCache
  await engine.unload()
  const scores = answer.choices[0]!.prompt_logprobs!
  const logprobs = ids.slice(1).map((id, i) => scores[i + 1]![id]!.logprob)
  return { logprobs, bytesPerToken: bytes / maxTokens, blockBytes: bytes / blocks }
}
