import { createReadStream } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'

/** First and last byte that a Range header asks for of `bytes`; null where it asks for no single range. */
export function requestedRange(header: string | undefined, bytes: number): readonly [number, number] | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return null
  if (match[1] === '') return [Math.max(0, bytes - Number(match[2])), bytes - 1]
  return [Number(match[1]), match[2] === '' ? bytes - 1 : Math.min(Number(match[2]), bytes - 1)]
}

/** Answers GET or HEAD with a file, or the one range of it that was asked for. */
export function sendRange(
  request: IncomingMessage,
  response: ServerResponse,
  file: { readonly source: string; readonly bytes: number },
  headers: Readonly<Record<string, string>>,
): void {
  const { bytes } = file
  const range = requestedRange(request.headers.range, bytes)
  if (range && (range[0] >= bytes || range[1] < range[0])) {
    response.writeHead(416, { ...headers, 'Content-Range': `bytes */${bytes}` }).end()
    return
  }
  const [first, last] = range ?? [0, bytes - 1]
  response.writeHead(range ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Accept-Ranges': 'bytes',
    'Content-Length': last - first + 1,
    ...(range ? { 'Content-Range': `bytes ${first}-${last}/${bytes}` } : {}),
    ...headers,
  })
  if (request.method === 'HEAD' || bytes === 0) {
    response.end()
    return
  }
  // A client that goes away is no fault of the server's.
  pipeline(
    createReadStream(file.source, { start: first, end: last, highWaterMark: 1 << 18 }),
    response,
    () => {},
  )
}
