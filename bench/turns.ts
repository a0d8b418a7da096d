import { type ChatMessage, createEngine, type Engine } from '../src/index'
import { adapterName } from './adapter-name'
import { median } from './median'

export interface TurnsBenchOptions {
  /** A reference as `createEngine` takes it. */
  readonly model: string | File
  /** In Node: the GPU. In a browser: none, and the engine runs in its worker. */
  readonly gpu?: GPU
  /** Words of the first question. */
  readonly words: number
  readonly answerTokens: number
  readonly repeats: number
}

/** A second turn's way to its first token; medians. */
export interface TurnFigures {
  readonly firstTokenMs: number
  readonly promptTokens: number
  /** Of the prompt, those that were not computed again. */
  readonly cachedTokens: number
}

export interface TurnsFigures {
  readonly adapter: string
  /** On the engine that answered the first turn. */
  readonly withCache: TurnFigures
  /** The same messages on an engine that has not seen them. */
  readonly withoutCache: TurnFigures
  /** After another load, with the first turn's keys and values from storage; null where there is no IndexedDB. */
  readonly restored: RestoredFigures | null
}

export interface RestoredFigures extends TurnFigures {
  /** What it took to bring the conversation back, before the turn. */
  readonly restoreMs: number
}

/**
 * Times the second turn of chats: with what the first has left in the cache, on an engine made anew, and on one that has
 * the first turn from storage.
 */
export async function benchTurns(options: TurnsBenchOptions): Promise<TurnsFigures> {
  const { words, answerTokens, repeats } = options
  const first = await load(options)
  const chats: ChatMessage[][] = []
  const withCache: TurnFigures[] = []
  for (let chat = 0; chat < repeats; chat++) {
    const question: ChatMessage = { role: 'user', content: text(chat, words) }
    const { choices } = await first.chat.completions.create({
      messages: [question],
      max_tokens: answerTokens,
      temperature: 0,
      prompt_cache_key: key(chat),
    })
    if (canSave) await first.saveConversation(key(chat))
    const answer: ChatMessage = { role: 'assistant', content: choices[0]?.message.content ?? '' }
    const messages: ChatMessage[] = [question, answer, { role: 'user', content: 'And what follows from it?' }]
    chats.push(messages)
    withCache.push(await timeFirstToken(first, messages))
  }
  await first.unload()
  const second = await load(options)
  const withoutCache: TurnFigures[] = []
  for (const messages of chats) withoutCache.push(await timeFirstToken(second, messages))
  await second.unload()
  const restored = canSave ? await timeRestored(options, chats) : null
  return {
    adapter: adapterName(first.info),
    withCache: middle(withCache),
    withoutCache: middle(withoutCache),
    restored,
  }
}

const canSave = typeof indexedDB !== 'undefined'

function key(chat: number): string {
  return `bench:turns ${chat}`
}

async function timeRestored(
  options: TurnsBenchOptions,
  chats: readonly ChatMessage[][],
): Promise<RestoredFigures> {
  const engine = await load(options)
  const restoreMs: number[] = []
  const turns: TurnFigures[] = []
  for (const [chat, messages] of chats.entries()) {
    const started = performance.now()
    await engine.restoreConversation(key(chat))
    restoreMs.push(performance.now() - started)
    turns.push(await timeFirstToken(engine, messages))
    await engine.deleteConversation(key(chat))
  }
  await engine.unload()
  return { ...middle(turns), restoreMs: median(restoreMs) }
}

/** An engine that has answered something, so that nothing is compiled in what is timed. */
async function load({ model, gpu }: TurnsBenchOptions): Promise<Engine> {
  const engine = await createEngine({ model, ...(gpu ? { gpu } : {}) })
  await engine.completions.create({ prompt: 'A short text to begin with.', max_tokens: 4 })
  return engine
}

async function timeFirstToken(engine: Engine, messages: ChatMessage[]): Promise<TurnFigures> {
  const started = performance.now()
  let firstTokenMs: number | null = null
  let [promptTokens, cachedTokens] = [0, 0]
  const stream = await engine.chat.completions.create({
    messages,
    max_tokens: 1,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    return_token_ids: true,
  })
  for await (const { choices, usage } of stream) {
    if (choices[0]?.token_ids?.length) firstTokenMs ??= performance.now() - started
    if (!usage) continue
    promptTokens = usage.prompt_tokens
    cachedTokens = usage.prompt_tokens_details.cached_tokens
  }
  if (firstTokenMs === null) throw new Error('the answer had no token')
  return { firstTokenMs, promptTokens, cachedTokens }
}

function middle(turns: readonly TurnFigures[]): TurnFigures {
  return {
    firstTokenMs: median(turns.map((turn) => turn.firstTokenMs)),
    promptTokens: median(turns.map((turn) => turn.promptTokens)),
    cachedTokens: median(turns.map((turn) => turn.cachedTokens)),
  }
}

const vocabulary = 'the river bends where old stones keep their names and a bird tells of rain'.split(' ')

/** Words of a text that begins like no other's. */
function text(seed: number, words: number): string {
  const word = (i: number) => vocabulary[(i * (i + 3) + seed) % vocabulary.length]!
  return `Text ${seed}: ${Array.from({ length: words }, (_, i) => word(i)).join(' ')}. Tell me about it.`
}
