import { OctavoError } from '../util/octavo-error'
import { discard, type RequestContext, refusal, request } from './request'

/** A file behind a URL, as it was when its reference was resolved. */
export interface RemoteFile {
  readonly url: string
  readonly bytes: number
  /** Hex, of the whole file; null where nobody says it. */
  readonly sha256: string | null
  /** Changes with the content; null where the server does not show one, or nobody has asked it yet. */
  readonly etag: string | null
  /** Whether the server is thought to answer Range requests. */
  readonly ranges: boolean
  /** For the URL's own origin; browsers drop it at a redirect to another. */
  readonly token: string | null
  /** In the repo; of a URL, the last part of its path. */
  readonly path: string
}

/**
 * Finds a file's size by asking for its first byte: a HEAD may be refused where a GET is not.
 *
 * @throws OctavoError 'not-found', 'unauthorized', 'network', 'aborted'
 */
export async function probeUrl(
  url: string,
  token: string | null,
  context: RequestContext,
): Promise<RemoteFile> {
  const ask = (range: string, bearer: string | null) => {
    const headers: Record<string, string> = { Range: range }
    if (bearer) headers.Authorization = `Bearer ${bearer}`
    return request(url, { headers }, context)
  }
  let bearer = token
  let response = await ask('bytes=0-0', bearer)
  if (response.status === 401 && bearer && !response.headers.get('X-Error-Code')) {
    discard(response)
    bearer = null
    response = await ask('bytes=0-0', bearer)
  }
  if (response.status === 416) throw empty(url, response)
  if (response.status !== 200 && response.status !== 206) throw refusal(url, response, bearer !== null)
  if (/^text\/html/i.test(response.headers.get('Content-Type') ?? '')) throw webPage(url, response)
  const ranges = response.status === 206
  let bytes: number | null = null
  if (ranges) {
    bytes = number(/\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1])
    if (bytes === null) {
      // Another origin may keep Content-Range from scripts, but not Content-Length.
      discard(response)
      response = await ask('bytes=0-', bearer)
    }
  }
  bytes ??= number(response.headers.get('Content-Length'))
  discard(response)
  if (bytes === null) {
    throw new OctavoError(
      'network',
      `${url} does not say how long the file is (no Content-Length).`,
      'Serve the file with Content-Length or with Range support, or load it as a File.',
    )
  }
  return {
    url,
    bytes,
    sha256: null,
    etag: response.headers.get('ETag') ?? response.headers.get('Last-Modified'),
    ranges,
    token: bearer,
    path: fileName(url),
  }
}

/** The last part of a URL's path, as it is written where a % in it begins no character. */
function fileName(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1)!
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

function number(text: string | null | undefined): number | null {
  return text && /^\d+$/.test(text) ? Number(text) : null
}

function empty(url: string, response: Response): OctavoError {
  discard(response)
  return new OctavoError('malformed-file', `${url} is an empty file.`, 'Choose another file.')
}

/** What servers of single-page apps answer for whatever they do not have. */
function webPage(url: string, response: Response): OctavoError {
  discard(response)
  return new OctavoError(
    'not-found',
    `${url} is a web page.`,
    'Give the address of the file itself; on the Hub that is the one behind “download”.',
  )
}
