import { OctavoError } from '../util/octavo-error'
import type { AbortOptions } from './abortable-call'
import type { ChatCompletions } from './chat'
import { CompletionStream } from './completion-stream'
import type { Completions } from './completions'
import type { Embeddings } from './embeddings'
import type { RerankRequest, RerankResponse } from './rerank'

/** The parts of an engine that answer requests. */
interface Endpoints {
  readonly info: { readonly model: { readonly reference: string } }
  readonly chat: { readonly completions: ChatCompletions }
  readonly completions: Completions
  readonly embeddings: Embeddings
  rerank(body: RerankRequest, options?: AbortOptions): Promise<RerankResponse>
}

type Answer = (engine: Endpoints, body: never, options: AbortOptions) => unknown

/** What is answered, by method and the end of the path. Bodies are checked by what they go to. */
const routes: Readonly<Record<string, Answer>> = {
  'POST /v1/chat/completions': ({ chat }, body, options) => chat.completions.create(body, options),
  'POST /v1/completions': ({ completions }, body, options) => completions.create(body, options),
  'POST /v1/embeddings': ({ embeddings }, body, options) => embeddings.create(body, options),
  'POST /v1/rerank': (engine, body, options) => engine.rerank(body, options),
  'GET /v1/models': ({ info }) => ({
    object: 'list',
    data: [{ id: info.model.reference, object: 'model', created: 0, owned_by: 'octavo' }],
  }),
}

/**
 * Answers an HTTP request as OpenAI's server does: JSON, or events where the body asks for a stream; errors as
 * `{ error: { message, type, code } }`. Rejects where the request's signal aborts it, as `fetch` does.
 */
export async function handleRequest(engine: Endpoints, request: Request): Promise<Response> {
  try {
    const answer = await routeOf(request)(engine, (await bodyOf(request)) as never, {
      signal: request.signal,
    })
    return answer instanceof CompletionStream ? eventStream(answer, request.signal) : Response.json(answer)
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason
    return Response.json(errorBody(error), { status: statusOf(error) })
  }
}

function routeOf({ method, url }: Request): Answer {
  const { pathname } = new URL(url)
  // What stands before it is the client's base URL.
  const path = /\/v1\/.*?(?=\/?$)/.exec(pathname)?.[0] ?? pathname
  const name = `${method} ${path}`
  if (Object.hasOwn(routes, name)) return routes[name]!
  throw new OctavoError(
    'not-found',
    `Octavo does not answer ${method} ${pathname}.`,
    `It answers ${Object.keys(routes).join(', ')}.`,
  )
}

async function bodyOf(request: Request): Promise<unknown> {
  if (request.method !== 'POST') return null
  try {
    return await request.json()
  } catch (cause) {
    throw new OctavoError(
      'invalid-request',
      'The request’s body is not JSON.',
      'Send an object as JSON in the body.',
      { cause },
    )
  }
}

/** Server-sent events; whoever stops reading ends the generation. A signal that aborts ends them as it ends a body of `fetch`. */
function eventStream(stream: CompletionStream<unknown>, signal: AbortSignal): Response {
  const chunks = stream[Symbol.asyncIterator]()
  const events = new ReadableStream<string>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next()
        controller.enqueue(`data: ${done ? '[DONE]' : JSON.stringify(value)}\n\n`)
        if (done) controller.close()
      } catch (error) {
        if (signal.aborted) {
          controller.error(signal.reason)
          return
        }
        controller.enqueue(`data: ${JSON.stringify(errorBody(error))}\n\n`)
        controller.close()
      }
    },
    cancel: () => stream.controller.abort(),
  })
  return new Response(events.pipeThrough(new TextEncoderStream()), {
    headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' },
  })
}

function errorBody(error: unknown) {
  const { code, message } =
    error instanceof OctavoError
      ? { code: error.code, message: `${error.message} ${error.remedy}` }
      : internal(error)
  const type = statusOf(error) < 500 ? 'invalid_request_error' : 'server_error'
  return { error: { message, type, param: null, code } }
}

function internal(error: unknown) {
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
}

const statuses: Readonly<Partial<Record<OctavoError['code'], number>>> = {
  'invalid-request': 400,
  'invalid-option': 400,
  'unsupported-field': 400,
  'unsupported-architecture': 400,
  'unsupported-tokenizer': 400,
  'context-too-long': 400,
  'not-found': 404,
  'queue-full': 429,
  unloaded: 503,
  'worker-died': 503,
  'device-lost': 503,
}

function statusOf(error: unknown): number {
  return (error instanceof OctavoError ? statuses[error.code] : undefined) ?? 500
}
