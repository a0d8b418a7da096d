import { OctavoError } from '../util/octavo-error'
import type { ChunkedFile } from './chunked-file'
import { malformed, NeedMoreBytes } from './malformed'

/**
 * Reads as much of a file's beginning as `read` wants, chunk by chunk; each time that it is too little, twice as much.
 * What is claimed is never made room for before it has come.
 *
 * @param mostBytes that a header may have
 * @throws OctavoError that names the file; of one that is malformed, nothing is kept
 */
export async function readBeginning<T>(
  file: ChunkedFile,
  read: (bytes: Uint8Array, fileBytes: number) => T,
  mostBytes: number,
  signal: AbortSignal,
): Promise<T> {
  let bytes = new Uint8Array(0)
  let chunks = 0
  for (let wanted = 1; ; wanted = Math.min(chunks * 2, file.count)) {
    if (wanted > 1) {
      const grown = new Uint8Array(Math.min(wanted * file.chunkBytes, file.bytes))
      grown.set(bytes)
      bytes = grown
    }
    for (; chunks < Math.min(wanted, file.count); chunks++) {
      const chunk = await file.keptChunk(chunks, signal)
      if (wanted === 1) bytes = chunk
      else bytes.set(chunk, chunks * file.chunkBytes)
    }
    try {
      return read(bytes, file.bytes)
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw await named(file, error)
      if (error.upTo > mostBytes || bytes.length >= mostBytes) {
        throw await named(file, malformed(`Its header claims to have more than ${mostBytes / 1e6} MB.`))
      }
    }
  }
}

/**
 * Reads a small file whole, its hash checked.
 *
 * @throws OctavoError 'malformed-file' where it is larger than `mostBytes`, or another than the Hub says, and what
 *   `parse` throws; nothing is kept then
 */
export async function readWhole<T>(
  file: ChunkedFile,
  parse: (bytes: Uint8Array<ArrayBuffer>) => T | Promise<T>,
  mostBytes: number,
  signal: AbortSignal,
): Promise<T> {
  if (file.bytes > mostBytes) {
    throw malformed(`${file.name} has ${file.bytes} bytes: at most ${mostBytes} are read.`)
  }
  const bytes = new Uint8Array(file.bytes)
  file.beginHash()
  for (let index = 0; index < file.count; index++) {
    const chunk = await file.keptChunk(index, signal)
    file.addToHash(chunk)
    bytes.set(chunk, index * file.chunkBytes)
  }
  await file.endHash()
  try {
    return await parse(bytes)
  } catch (error) {
    await file.forget()
    throw error
  }
}

/** The error with the file's name before it. */
async function named(file: ChunkedFile, error: unknown): Promise<unknown> {
  if (!(error instanceof OctavoError)) return error
  if (error.code === 'malformed-file') await file.forget()
  return new OctavoError(error.code, `${file.name}: ${error.message}`, error.remedy, { cause: error.cause })
}
