import type { ModelHeader } from '../util/model-file'
import type { ChunkedFile } from './chunked-file'
import { readGgufHeader } from './gguf'
import { malformed, NeedMoreBytes } from './gguf-cursor'
import { throwIfAborted } from './request'

/** Twice the largest that is known, a vocabulary of 262,144 tokens with its merges and some room. */
const mostHeaderBytes = 64 * 1024 * 1024

/**
 * Reads the header of a GGUF file from its first chunks; each time that they are too few, twice as many.
 *
 * @throws OctavoError
 */
export async function readHeader(file: ChunkedFile, signal: AbortSignal): Promise<ModelHeader> {
  let bytes = new Uint8Array(0)
  let chunks = 0
  for (let wanted = 1; ; wanted = Math.min(chunks * 2, file.count)) {
    const grown = new Uint8Array(Math.min(wanted * file.chunkBytes, file.bytes))
    grown.set(bytes)
    bytes = grown
    for (; chunks < Math.min(wanted, file.count); chunks++) {
      const size = file.size(chunks)
      const chunk = await file.chunk(
        chunks,
        () => new Uint8Array(size),
        signal,
        () => undefined,
      )
      throwIfAborted(signal)
      if (chunk.fresh) await file.keep(chunks, chunk.bytes)
      bytes.set(chunk.bytes, chunks * file.chunkBytes)
    }
    try {
      return readGgufHeader(bytes, file.bytes)
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw error
      if (error.upTo > mostHeaderBytes || bytes.length >= mostHeaderBytes) {
        throw malformed(`${file.name} claims a header of more than ${mostHeaderBytes / 2 ** 20} MiB.`)
      }
    }
  }
}
