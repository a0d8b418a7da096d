import type { ChatCompletionRequest } from '../../../src/api/chat-types'
import type { CompletionRequest } from '../../../src/api/completion-types'
import { type FakeService, failure, fakeEngine } from './fake-service'

export const messages = [{ role: 'user', content: 'Hi' }]

export interface Sent {
  result: Promise<unknown>
  service: FakeService
}

export async function chat(fields: object): Promise<Sent> {
  const { engine, service } = await fakeEngine()
  const result = engine.chat.completions.create({ messages, ...fields } as ChatCompletionRequest)
  return { result, service }
}

export async function completion(fields: object): Promise<Sent> {
  const { engine, service } = await fakeEngine()
  const result = engine.completions.create({ prompt: 'Hi', ...fields } as CompletionRequest)
  return { result, service }
}

/** A bias for so many ids. */
export function biases(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, id) => [id, 1]))
}

/** The one generation that the fields make. */
export async function generated(fields: object, send = chat) {
  const { result, service } = await send(fields)
  await result
  return service.generations[0]!
}

/** What a request is refused with. */
export const refused = async (fields: object, send = chat) => failure((await send(fields)).result)
