import { AnswerClock } from './page/runtime.ts'

/** What the process of native-peer.ts is asked, one question at a time. */
export type Question =
  | { readonly do: 'load'; readonly file: string; readonly contextTokens: number; readonly threads: number }
  | { readonly do: 'generate'; readonly prompt: readonly number[]; readonly tokens: number }
  | { readonly do: 'memory' }

/** What is used of node-llama-cpp, which is installed below bench/ only. */
interface NodeLlama {
  getLlama(options: Readonly<Record<string, unknown>>): Promise<{
    loadModel(options: { readonly modelPath: string }): Promise<Model>
  }>
  readonly LlamaLogLevel: { readonly error: unknown }
}

interface Model {
  createContext(options: Readonly<Record<string, number>>): Promise<{ getSequence(): Sequence }>
}

interface Sequence {
  clearHistory(): Promise<void>
  evaluate(tokens: readonly number[], options: Readonly<Record<string, unknown>>): AsyncIterable<number>
}

let sequence: Sequence | null = null

/** llama.cpp on the CPU, through its binding for Node, in a process of its own: it may crash, and its memory is its. */
async function answer(question: Question): Promise<unknown> {
  if (question.do === 'memory') return process.memoryUsage().rss
  if (question.do === 'load') return load(question)
  const { prompt, tokens } = question
  await sequence!.clearHistory()
  const clock = new AnswerClock()
  let count = 0
  for await (const _ of sequence!.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    clock.count(1)
    count += 1
    if (count === tokens) break
  }
  return clock.answer(prompt.length)
}

async function load({ file, contextTokens, threads }: Question & { readonly do: 'load' }): Promise<void> {
  // Not a literal, since the package need not be there to check the project's types.
  const name = '../node_modules/node-llama-cpp/dist/index.js'
  const { getLlama, LlamaLogLevel } = (await import(name)) as NodeLlama
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
    maxThreads: threads,
  })
  const model = await llama.loadModel({ modelPath: file })
  const context = await model.createContext({ contextSize: contextTokens, batchSize: 512, threads })
  sequence = context.getSequence()
}

process.on('message', (question: Question) => {
  answer(question).then(
    (value) => process.send!({ value }),
    (error: Error) => process.send!({ error: error.message }),
  )
})
