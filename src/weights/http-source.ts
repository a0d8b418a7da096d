import { OctavoError } from '../util/octavo-error'
import type { ByteSource } from './byte-source'
import { OrderedStream } from './ordered-stream'
import type { RemoteFile } from './remote-file'
import {
  attempts,
  backOff,
  bodyPieces,
  discard,
  type RequestContext,
  refusal,
  request,
  throwIfAborted,
} from './request'

/** Answers of 200 to a range in a row before the server is taken to have no ranges. */
const mostWholeAnswers = 2

/**
 * A file behind HTTP, read by ranges; where the server has none, by one stream in order. What arrives is counted: a
 * range that comes short goes on at the byte it reached, and a file that changes meanwhile is an error.
 *
 * The file's own URL is asked each time and never the one that it redirected to, whose signature expires.
 */
export class HttpSource implements ByteSource {
  readonly bytes: number
  readonly #stream: OrderedStream
  #token: string | null
  #etag: string | null
  #ranges: boolean
  #wholeAnswers = 0

  constructor(
    readonly file: RemoteFile,
    readonly context: Omit<RequestContext, 'signal'>,
  ) {
    this.bytes = file.bytes
    this.#token = file.token
    this.#etag = file.etag
    this.#ranges = file.ranges
    this.#stream = new OrderedStream((context) => this.#openWhole(context))
  }

  async read(
    begin: number,
    into: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
    onBytes: (count: number) => void,
  ): Promise<void> {
    const context = { ...this.context, signal }
    let filled = 0
    for (let failures = 0; this.#ranges && filled < into.length; ) {
      const reached = filled
      try {
        for await (const piece of this.#range(begin + filled, begin + into.length, context)) {
          into.set(piece, filled)
          filled += piece.length
          onBytes(filled)
        }
        if (filled < into.length) throw new Error(`${into.length - filled} bytes of a range did not come`)
      } catch (cause) {
        throwIfAborted(signal)
        if (cause instanceof OctavoError) throw cause
        failures = filled > reached ? 1 : failures + 1
        if (failures === attempts) throw this.#broken(cause)
        if (this.#ranges) await backOff(failures, null, context)
      }
    }
    if (filled === into.length) return
    try {
      const onMore = (count: number) => onBytes(filled + count)
      await this.#stream.read(begin + filled, into.subarray(filled), this.bytes, context, onMore)
    } catch (cause) {
      throw cause instanceof OctavoError ? cause : this.#broken(cause)
    }
  }

  close(): Promise<void> {
    return this.#stream.close()
  }

  /** The bytes of one answer to a range. A plain error may pass when tried again, an OctavoError does not. */
  async *#range(
    begin: number,
    end: number,
    context: RequestContext,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const response = await this.#get(`bytes=${begin}-${end - 1}`, context)
    // Whoever asks for all of a small file may get it so.
    if (response.status === 200 && end - begin < this.bytes) {
      discard(response)
      this.#wholeAnswers += 1
      if (this.#wholeAnswers >= mostWholeAnswers) this.#ranges = false
      throw new Error('the whole file came instead of a range')
    }
    this.#wholeAnswers = 0
    const said = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('Content-Range') ?? '')
    if (said && said[3] !== '*' && Number(said[3]) !== this.bytes) throw this.#changed(response)
    if (said && (Number(said[1]) !== begin || Number(said[2]) >= end)) {
      discard(response)
      throw new Error(`bytes ${said[1]} to ${said[2]} came instead of ${begin} to ${end - 1}`)
    }
    let left = end - begin
    for await (const piece of bodyPieces(response, context)) {
      if (piece.length > left) throw new Error('more bytes came than were asked for')
      left -= piece.length
      yield piece
    }
  }

  async #openWhole(context: RequestContext): Promise<Response> {
    // With a Range, browsers ask for the bytes as they are and not gzipped.
    const response = await this.#get('bytes=0-', context)
    const length = response.headers.get('Content-Length')
    if (length !== null && Number(length) !== this.bytes) throw this.#changed(response)
    return response
  }

  /** An answer of 200 or 206 from the file that was resolved. */
  async #get(range: string, context: RequestContext): Promise<Response> {
    const { url } = this.file
    const token = this.#token
    const headers: Record<string, string> = { Range: range }
    if (token) headers.Authorization = `Bearer ${token}`
    const response = await request(url, { headers }, context)
    if (response.status === 200 || response.status === 206) {
      const etag = response.headers.get('ETag') ?? response.headers.get('Last-Modified')
      if (this.#etag !== null && etag !== null && etag !== this.#etag) throw this.#changed(response)
      this.#etag ??= etag
      return response
    }
    if (response.status === 416) throw this.#changed(response)
    if (response.status === 403 && response.redirected) {
      discard(response)
      throw new Error('the signed address answered 403')
    }
    if (response.status === 401 && token && !response.headers.get('X-Error-Code')) {
      discard(response)
      this.#token = null
      return this.#get(range, context)
    }
    throw refusal(url, response, token !== null)
  }

  #changed(response: Response): OctavoError {
    discard(response)
    return new OctavoError(
      'network',
      `${this.file.url} changed while it was being loaded.`,
      'Load the model again.',
    )
  }

  #broken(cause: unknown): OctavoError {
    const why = cause instanceof Error ? cause.message : String(cause)
    return new OctavoError(
      'network',
      `${this.file.url} broke off ${attempts} times in a row: ${why}.`,
      'Check the connection and try again.',
      { cause },
    )
  }
}
