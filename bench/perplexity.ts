import { createEngine } from '../src/index'
import { type KvFormat, kvFormats } from '../src/util/kv-format'

export interface PerplexityOptions {
  readonly model: File
  readonly gpu: GPU
  /** Ids of the passage; every one but the first is scored. */
  readonly ids: readonly number[]
  readonly formats: readonly KvFormat[]
}

export interface PerplexityRow {
  readonly format: KvFormat
  readonly perplexity: number
  /** The greatest difference of a token's log-probability from that with a cache of f32. */
  readonly greatestDifference: number | null
  /** Of all layers. */
  readonly bytesPerToken: number
  /** KV blocks that a mebibyte holds. */
  readonly blocksPerMebibyte: number
}

/** exp(−mean log-probability) of a passage for each format of the KV cache; f32 first where it is asked for. */
export async function benchPerplexity(options: PerplexityOptions): Promise<PerplexityRow[]> {
  const rows: PerplexityRow[] = []
  let exact: readonly number[] | null = null
  for (const format of kvFormats.filter((each) => options.formats.includes(each))) {
    const { logprobs, bytesPerToken, blockBytes } = await score(options, format)
    if (format === 'f32') exact = logprobs
    rows.push({
      format,
      perplexity: Math.exp(-logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length),
      greatestDifference: exact && Math.max(...logprobs.map((logprob, i) => Math.abs(logprob - exact![i]!))),
      bytesPerToken,
      blocksPerMebibyte: 1024 ** 2 / blockBytes,
    })
  }
  return rows
}

async function score({ model, gpu, ids }: PerplexityOptions, format: KvFormat) {
  const engine = await createEngine({ model, gpu, kvCache: { format, maxTokens: ids.length + 64 } })
  const answer = await engine.completions.create({ prompt: [...ids], max_tokens: 0, prompt_logprobs: 0 })
  const { bytes, blocks, maxTokens } = engine.info.kvCache
  await engine.unload()
  const scores = answer.choices[0]!.prompt_logprobs!
  const logprobs = ids.slice(1).map((id, i) => scores[i + 1]![id]!.logprob)
  return { logprobs, bytesPerToken: bytes / maxTokens, blockBytes: bytes / blocks }
}
