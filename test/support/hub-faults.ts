import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { requestedRange } from '../../scripts/hub/send-range.ts'

/** Spoils a request or its answer before the Hub sees it; true where it has answered (or never will) itself. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

/** An answer of another status; with the answer's own CORS headers where it is a CDN's. */
export function status(code: number, headers: OutgoingHttpHeaders = {}, body = ''): Fault {
  return (request, response) => {
    response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*')
    response.setHeader(
      'Access-Control-Expose-Headers',
      'X-Error-Code,X-Error-Message,Retry-After,Content-Range',
    )
    response.writeHead(code, headers).end(body)
    return true
  }
}

/** The whole file for a range, with 200. */
export const wholeFile: Fault = (request) => {
  delete request.headers.range
  return false
}

/** A range that ends `bytes` early, and says so. */
export function shorter(bytes: number): Fault {
  return onRange((first, last) => `bytes=${first}-${Math.max(first, last - bytes)}`)
}

/** Bytes from another place than those that were asked for. */
export function shifted(bytes: number): Fault {
  return onRange((first, last) => `bytes=${first + bytes}-${last + bytes}`)
}

function onRange(change: (first: number, last: number) => string): Fault {
  return (request) => {
    const range = requestedRange(request.headers.range, Number.MAX_SAFE_INTEGER)
    if (range) request.headers.range = change(...range)
    return false
  }
}

/** 206 with all its headers and not a byte. */
export const noBytes: Fault = (_request, response) => {
  changeHead(response, (headers) => ({ ...headers, 'Content-Length': 0 }))
  response.write = () => true
  const { end } = response
  response.end = (() => (end as () => ServerResponse).call(response)) as ServerResponse['end']
  return false
}

/** The connection is reset after so many bytes of the body. */
export function cutAfter(bytes: number): Fault {
  return (_request, response) => {
    changeBody(response, bytes, () => setTimeout(() => response.socket?.destroy(), 20))
    return false
  }
}

/** Nothing more comes after so many bytes of the body, and the connection stays. */
export function stallAfter(bytes: number): Fault {
  return (_request, response) => {
    changeBody(response, bytes, () => undefined)
    return false
  }
}

/** One header has another value, or with null is missing. */
export function header(name: string, value: string | null | ((before: string) => string)): Fault {
  return (_request, response) => {
    changeHead(response, (headers) => {
      const changed: OutgoingHttpHeaders = {}
      for (const [key, before] of Object.entries(headers)) {
        if (key.toLowerCase() !== name.toLowerCase()) changed[key] = before
        else if (typeof value === 'function') changed[key] = value(String(before))
      }
      if (typeof value === 'string') changed[name] = value
      return changed
    })
    return false
  }
}

/** One bit of the body is another. */
export const flippedBit: Fault = (_request, response) => {
  const { write } = response
  let first = true
  response.write = ((piece: Uint8Array, ...rest: unknown[]) => {
    if (first) piece[piece.length >> 1]! ^= 1
    first = false
    return (write as (...args: unknown[]) => boolean).call(response, piece, ...rest)
  }) as ServerResponse['write']
  return false
}

/** Gzipped and without a length, as CDNs send small texts to a request without a range. */
export const gzipped: Fault = (request, response) => {
  if (request.headers.range) return false
  const pieces: Uint8Array[] = []
  changeHead(response, ({ 'Content-Length': _, 'Accept-Ranges': __, ...headers }) => ({
    ...headers,
    'Content-Encoding': 'gzip',
  }))
  const { end } = response
  const keep = (piece: unknown) => {
    if (typeof piece === 'string' || piece instanceof Uint8Array) pieces.push(Buffer.from(piece as string))
    return true
  }
  response.write = keep as ServerResponse['write']
  response.end = ((piece?: unknown) => {
    keep(piece)
    return end.call(response, gzipSync(Buffer.concat(pieces)), 'binary')
  }) as ServerResponse['end']
  return false
}

function changeHead(
  response: ServerResponse,
  change: (headers: OutgoingHttpHeaders) => OutgoingHttpHeaders,
): void {
  const { writeHead } = response
  response.writeHead = ((code: number, headers: OutgoingHttpHeaders = {}) =>
    writeHead.call(response, code, change(headers) as never)) as ServerResponse['writeHead']
}

/** Lets `bytes` of the body through, then runs `then` instead of sending or ending. */
function changeBody(response: ServerResponse, bytes: number, end: () => void): void {
  const { write } = response
  let left = bytes
  response.write = ((piece: Uint8Array) => {
    const part = piece.subarray(0, left)
    left -= part.length
    if (part.length > 0) (write as (piece: Uint8Array) => boolean).call(response, part)
    if (left === 0) {
      left = -1
      response.flushHeaders()
      end()
    }
    return left >= 0
  }) as ServerResponse['write']
  response.end = (() => response) as ServerResponse['end']
}
