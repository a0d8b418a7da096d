import type { Engine } from '../../../src/engine/engine'
import type { GenerationEvent, GenerationRequest } from '../../../src/engine/generation'
import { greedy } from '../../../src/model/step'
import { nextId, random } from './fake-runner'

const words = { push: (id: number) => `${id} `, finish: () => '' }

export function request(
  promptIds: number[],
  stop: Partial<GenerationRequest['stop']> = {},
  rest: Partial<GenerationRequest> = {},
): GenerationRequest {
  return {
    promptIds,
    sampler: { ...greedy, allowedIds: null },
    constraint: null,
    stop: {
      maxTokens: 20,
      minTokens: 0,
      ignoreEos: false,
      stopTokenIds: [],
      stopStrings: [],
      includeStopString: false,
      ...stop,
    },
    logprobs: null,
    promptLogprobs: null,
    skipSpecialTokens: true,
    priority: 0,
    conversation: null,
    ...rest,
  }
}

export interface Answer {
  ids: number[]
  text: string
  events: GenerationEvent[]
  finish: Extract<GenerationEvent, { type: 'finish' }> | null
}

export async function generate(
  engine: Engine,
  asked: GenerationRequest,
  signal = new AbortController().signal,
  onEvents?: () => void,
): Promise<Answer> {
  return answers(engine, [asked], [signal], onEvents)[0]!
}

/** What becomes of generations that come together. */
export function answers(
  engine: Engine,
  requests: readonly GenerationRequest[],
  signals: readonly AbortSignal[] = [],
  onEvents?: () => void,
): Promise<Answer>[] {
  const gathered = requests.map((): Answer => ({ ids: [], text: '', events: [], finish: null }))
  const ends = engine.generateAll(
    requests.map((request, i) => ({
      request,
      options: {
        signal: signals[i] ?? new AbortController().signal,
        detokenizer: { ...words },
        eosIds: [0],
        onEvents: (events) => {
          for (const event of events) gather(gathered[i]!, event)
          onEvents?.()
        },
      },
    })),
  )
  return ends.map((end, i) => end.then(() => gathered[i]!))
}

function gather(answer: Answer, event: GenerationEvent): void {
  answer.events.push(event)
  if (event.type === 'delta') {
    answer.ids.push(...event.ids)
    answer.text += event.text
  }
  if (event.type === 'finish') answer.finish = event
}

/** Until what was submitted for generations that have ended is read: the fake runner's steps take three turns at most. */
export async function idle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** What the fake model answers, told without an engine. */
export function expected(
  promptIds: readonly number[],
  maxTokens: number,
  { seed = 0, ignoreEos = false, hasState = false } = {},
): number[] {
  const ids = [...promptIds]
  while (ids.length - promptIds.length < maxTokens) {
    const id = nextId(ids, { seed, hasState })
    ids.push(id)
    if (id === 0 && !ignoreEos) break
  }
  return ids.slice(promptIds.length)
}

export function prompt(length: number, seed = 1): number[] {
  const next = random(seed)
  return Array.from({ length }, () => 1 + next(900))
}

/** A prompt whose answer has no end-of-sequence id among its first tokens. */
export function openEnded(tokens: number): number[] {
  for (let seed = 1; ; seed++) if (!expected(prompt(5, seed), tokens).includes(0)) return prompt(5, seed)
}
