import { AnswerClock, type Runtime, type StartOptions } from './runtime'

/** Octavo as an app uses it: the built library in the page, the engine in its worker, streams of the public API. */
export async function startOctavo(
  { urls, contextTokens }: StartOptions,
  precision: 'exact' | 'fast',
): Promise<Runtime> {
  const { createEngine } = (await import(/* @vite-ignore */ urls.library)) as typeof import('octavo')
  const engine = await createEngine({
    model: urls.gguf,
    kvCache: { maxTokens: contextTokens },
    ...(precision === 'fast' ? { precision } : {}),
  })
  return {
    gpuBytes: () => engine.info.gpuBytes,
    generate: async (prompt, tokens) => {
      const clock = new AnswerClock()
      const stream = await engine.completions.create({
        prompt: [...prompt],
        max_tokens: tokens,
        temperature: 0,
        ignore_eos: true,
        stream: true,
        stream_options: { include_usage: true },
        return_token_ids: true,
      })
      let promptTokens = 0
      for await (const { choices, usage } of stream) {
        clock.count(choices[0]?.token_ids?.length ?? 0)
        promptTokens = usage?.prompt_tokens ?? promptTokens
      }
      return clock.answer(promptTokens)
    },
  }
}
