import { createWriteStream, existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Tries without a new byte before giving up. */
const patience = 4
const stallMs = 30_000

/** Fetches a URL to a file, goes on where an earlier run stopped, and shows how far it is. */
export async function download(url: string, file: string, bytes: number): Promise<void> {
  let failures = 0
  let loaded = await sizeOf(file)
  while (loaded < bytes) {
    const before = loaded
    try {
      await fetchRest(url, file, loaded, bytes)
    } catch (error) {
      if (failures >= patience)
        throw new Error(`${url} broke off: ${(error as Error).message}`, { cause: error })
    }
    loaded = await sizeOf(file)
    failures = loaded > before ? 0 : failures + 1
    if (loaded < bytes) await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** failures))
  }
  if (loaded > bytes)
    throw new Error(`${file} has ${loaded} bytes, more than the ${bytes} of ${url}. Delete it.`)
}

async function sizeOf(file: string): Promise<number> {
  return existsSync(file) ? (await stat(file)).size : 0
}

async function fetchRest(url: string, file: string, from: number, bytes: number): Promise<void> {
  const stalled = new AbortController()
  let timer = setTimeout(() => stalled.abort(), stallMs)
  const headers: Record<string, string> = from > 0 ? { Range: `bytes=${from}-` } : {}
  const response = await fetch(url, { headers, signal: stalled.signal })
  if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`)
  // A server without ranges sends the whole file again.
  const start = response.status === 206 ? from : 0
  const progress = new ProgressLine(start, bytes)
  const count = new Transform({
    transform(piece: Buffer, _encoding, done) {
      clearTimeout(timer)
      timer = setTimeout(() => stalled.abort(), stallMs)
      progress.add(piece.length)
      done(null, piece)
    },
  })
  try {
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
    await pipeline(body, count, createWriteStream(file, { flags: start > 0 ? 'a' : 'w' }))
  } finally {
    clearTimeout(timer)
    progress.end()
  }
}

const MB = 1e6

/** One line of a terminal that is written over; a line every tenth elsewhere. */
class ProgressLine {
  readonly #startedAt = Date.now()
  #loaded: number
  #fetched = 0
  #shown = 0

  constructor(
    from: number,
    readonly bytes: number,
  ) {
    this.#loaded = from
  }

  add(bytes: number): void {
    this.#loaded += bytes
    this.#fetched += bytes
    const share = this.#loaded / this.bytes
    if (share - this.#shown < (process.stdout.isTTY ? 0.005 : 0.1)) return
    this.#shown = share
    const seconds = (Date.now() - this.#startedAt) / 1000
    const rate = this.#fetched / MB / Math.max(seconds, 0.001)
    const text = `${(this.#loaded / MB).toFixed(0)} of ${(this.bytes / MB).toFixed(0)} MB, ${rate.toFixed(1)} MB/s`
    process.stdout.write(process.stdout.isTTY ? `\r  ${text}   ` : `  ${text}\n`)
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write('\n')
  }
}
