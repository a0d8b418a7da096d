import { abortedError, OctavoError } from '../util/octavo-error'

/** How requests are made; tests put their own in. */
export interface RequestContext {
  readonly fetch: typeof fetch
  readonly signal: AbortSignal
  /** Waits between attempts; rejects when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  /** A connection that gives nothing for so long is given up and made anew. */
  readonly stallMs: number
}

/** Tries of one thing before it is called a failure. */
export const attempts = 6
const firstWaitMs = 500
const longestWaitMs = 30_000
/** Worth another try (the list of huggingface_hub, and what proxies say of a server that restarts). */
const passingStatuses = new Set([408, 425, 429, 500, 502, 503, 504])

/** Options of every request: no cookies, no referrer, no cache that would serialize parallel ranges of one URL. */
const plain: RequestInit = { credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' }

/** Rejects with the signal's reason where it aborts first. */
export function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Milliseconds before attempt `n` (1, 2, …): doubling, with jitter, so that many pages do not come back at once. */
function backOffMs(n: number, response: Response | null): number {
  const asked = Number(response?.headers.get('Retry-After') ?? Number.NaN)
  if (asked > 0) return Math.min(asked, 300) * 1000
  return Math.min(longestWaitMs, firstWaitMs * 2 ** (n - 1)) * (0.5 + Math.random() / 2)
}

/** Waits before attempt `n + 1`. @throws OctavoError 'aborted' */
export async function backOff(n: number, response: Response | null, context: RequestContext): Promise<void> {
  await context.wait(backOffMs(n, response), context.signal).catch(() => undefined)
  throwIfAborted(context.signal)
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortedError('The download', signal)
}

/**
 * One request, tried again with back-off where the failure may pass. Gives any response that does not.
 *
 * @throws OctavoError 'network' after the last attempt, 'aborted'
 */
export async function request(url: string, init: RequestInit, context: RequestContext): Promise<Response> {
  const { signal } = context
  for (let n = 1; ; n++) {
    let response: Response | null = null
    let failure: unknown = null
    throwIfAborted(signal)
    try {
      response = await answerInTime(url, init, context)
      if (!passingStatuses.has(response.status)) return response
    } catch (error) {
      failure = error
    }
    throwIfAborted(signal)
    discard(response)
    if (n === attempts) throw unreachable(url, response, failure)
    await backOff(n, response, context)
  }
}

/** As `request`, with the whole body as text; a body that breaks off is asked for again. */
export async function requestText(
  url: string,
  init: RequestInit,
  context: RequestContext,
): Promise<{ response: Response; text: string }> {
  for (let n = 1; ; n++) {
    const response = await request(url, init, context)
    try {
      const decoder = new TextDecoder()
      let text = ''
      for await (const piece of bodyPieces(response, context)) text += decoder.decode(piece, { stream: true })
      return { response, text: text + decoder.decode() }
    } catch (error) {
      throwIfAborted(context.signal)
      if (n === attempts) throw unreachable(url, null, error)
      await backOff(n, null, context)
    }
  }
}

/** The response, or a failure where its head does not come in time. The body outlives the timer. */
async function answerInTime(url: string, init: RequestInit, context: RequestContext): Promise<Response> {
  const { fetch, signal, stallMs } = context
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error(`no answer for ${stallMs / 1000} s`)), stallMs)
  try {
    return await fetch(url, { ...plain, ...init, signal: AbortSignal.any([signal, late.signal]) })
  } finally {
    clearTimeout(timer)
  }
}

/** Lets go of a body that nobody reads. */
export function discard(response: Response | null): void {
  response?.body?.cancel().catch(() => undefined)
}

/** The pieces of a body in order; fails where none comes for `stallMs`. Leaving the loop ends the connection. */
export async function* bodyPieces(
  response: Response,
  { signal, stallMs }: RequestContext,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!response.body) return
  const reader = response.body.getReader()
  let whole = false
  try {
    while (true) {
      const { done, value } = await inTime(reader.read(), stallMs, signal)
      if (done) break
      yield value
    }
    whole = true
  } finally {
    if (!whole) reader.cancel().catch(() => undefined)
  }
}

function inTime<T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    const onAbort = () => {
      end()
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      end()
      reject(new Error(`no bytes came for ${ms / 1000} s`))
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(end)
    if (signal.aborted) onAbort()
  })
}

function unreachable(url: string, response: Response | null, cause: unknown): OctavoError {
  if (response?.status === 429) {
    return new OctavoError(
      'network',
      `${url} asks to come back later (429, too many requests).`,
      'Wait some minutes and try again, or give an access token, which has a higher limit.',
    )
  }
  const what = response ? `answered ${response.status}` : 'could not be reached'
  return new OctavoError(
    'network',
    `${url} ${what}, ${attempts} times in a row.`,
    'Check the connection and try again. If the server is yours, check that it allows this page’s origin (CORS).',
    { cause },
  )
}

/** What a refusal means for the person who asked; the Hub's codes as its own client reads them. */
export function refusal(url: string, response: Response, hasToken: boolean): OctavoError {
  const code = response.headers.get('X-Error-Code')
  const said = response.headers.get('X-Error-Message')
  const { status } = response
  discard(response)
  if (code === 'GatedRepo') {
    return new OctavoError(
      'unauthorized',
      `${url}: this model is gated (${status}).`,
      hasToken
        ? 'Accept its terms on the Hub with the account of your access token.'
        : 'Accept its terms on the Hub and give an access token of that account.',
    )
  }
  if (said?.includes('disabled')) {
    return new OctavoError('unauthorized', `${url}: ${said}`, 'Choose another model.')
  }
  if (status === 401 || status === 403) {
    return new OctavoError(
      'unauthorized',
      `${url} answered ${status}: it does not exist, or is private.`,
      hasToken
        ? 'Check the name and the access token.'
        : 'Check the name; for a private model give an access token.',
    )
  }
  if (status === 404 || status === 410) {
    const missing: Readonly<Record<string, string>> = {
      RepoNotFound: 'The model does not exist.',
      RevisionNotFound: 'The model has no such revision.',
      EntryNotFound: 'The model has no such file.',
    }
    return new OctavoError(
      'not-found',
      `${url} answered ${status}. ${missing[code ?? ''] ?? 'There is nothing at this address.'}`,
      'Check the spelling of the model reference.',
    )
  }
  return new OctavoError('network', `${url} answered ${status}.`, 'Try again later, or check the address.')
}
