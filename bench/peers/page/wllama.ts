import { AnswerClock, type Runtime, type StartOptions } from './runtime'

interface Chunk {
  readonly choices?: readonly { readonly text?: string }[]
  readonly timings?: { readonly prompt_n: number; readonly predicted_n: number }
}

/** What is used of wllama. */
interface Wllama {
  loadModelFromUrl(url: string, options: Readonly<Record<string, unknown>>): Promise<void>
  createCompletion(options: Readonly<Record<string, unknown>>): Promise<AsyncIterable<Chunk>>
}

type WllamaClass = new (paths: { readonly default: string }, options: { readonly logger: object }) => Wllama

/** Tokens of a prompt that llama.cpp computes at once; more make ggml's WebGPU backend give up on slow adapters. */
const microBatch = 128

/** wllama, which is llama.cpp in wasm, with all layers on WebGPU and its own store of files. */
export async function startWllama({ urls, contextTokens, words }: StartOptions): Promise<Runtime> {
  const folder = `${urls.packages}@wllama/wllama/esm/`
  const module = (await import(/* @vite-ignore */ `${folder}index.js`)) as { readonly Wllama: WllamaClass }
  const quiet = () => {}
  const logger = { debug: quiet, log: quiet, warn: quiet, error: console.error }
  const wllama = new module.Wllama({ default: `${folder}wasm/wllama.wasm` }, { logger })
  await wllama.loadModelFromUrl(urls.gguf, {
    n_ctx: contextTokens,
    n_batch: 512,
    n_ubatch: microBatch,
    n_threads: 1,
    n_gpu_layers: 999,
    useCache: true,
  })
  return {
    gpuBytes: () => null,
    generate: async (prompt, tokens) => {
      const clock = new AnswerClock()
      const stream = await wllama.createCompletion({
        // It takes texts only.
        prompt: prompt.map((id) => words[id % words.length]).join(''),
        max_tokens: tokens,
        temperature: 0,
        ignore_eos: true,
        cache_prompt: false,
        stream: true,
      })
      let promptTokens = 0
      let heard = 0
      for await (const { choices, timings } of stream) {
        // A chunk is a token, also one of half a character, which has no text yet; the last chunk is none.
        const said = timings ? timings.predicted_n - heard : (choices?.length ?? 0)
        clock.count(said)
        heard += said
        promptTokens = timings?.prompt_n ?? promptTokens
      }
      return clock.answer(promptTokens)
    },
  }
}
