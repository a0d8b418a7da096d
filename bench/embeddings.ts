import { createEngine } from '../src/api/create-engine'
import { median } from './median'

export interface EmbeddingsBenchOptions {
  /** How many texts a request has, one case each. */
  readonly batches: readonly number[]
  readonly rounds: number
  /** Taken in turn until a request is full. */
  readonly texts: readonly string[]
}

export interface EmbeddingsFigures {
  readonly adapter: string
  readonly rows: readonly {
    readonly texts: number
    readonly tokens: number
    /** Of the median round. */
    readonly ms: number
  }[]
}

/** Files of all-MiniLM-L6-v2, by their paths in the repo. */
export const encoderPaths = [
  ...['model.safetensors', 'config.json', 'tokenizer.json', 'tokenizer_config.json', 'modules.json'],
  ...['1_Pooling/config.json', 'sentence_bert_config.json', 'config_sentence_transformers.json'],
]

/**
 * Times `embeddings.create` with requests of some sizes, one after the other. Rounds go from size to size, so that no busy
 * moment of the machine meets one of them only.
 */
export async function benchEmbeddings(
  gpu: GPU,
  model: File[],
  { batches, rounds, texts }: EmbeddingsBenchOptions,
): Promise<EmbeddingsFigures> {
  const engine = await createEngine({ model, gpu })
  const cases = batches.map((count) => ({
    input: Array.from({ length: count }, (_, i) => texts[i % texts.length]!),
    times: [] as number[],
    tokens: 0,
  }))
  // The first round is not counted: the engine learns how many tokens make a step there.
  for (let round = 0; round <= rounds; round++) {
    for (const each of cases) {
      const started = performance.now()
      const { usage } = await engine.embeddings.create({ input: each.input })
      if (round > 0) each.times.push(performance.now() - started)
      each.tokens = usage.prompt_tokens
    }
  }
  const { vendor, architecture, description } = engine.info.device
  await engine.unload()
  return {
    adapter: [vendor, architecture, description].filter(Boolean).join(' '),
    rows: cases.map(({ input, tokens, times }) => ({ texts: input.length, tokens, ms: median(times) })),
  }
}
