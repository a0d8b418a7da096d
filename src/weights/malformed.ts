import { OctavoError } from '../util/octavo-error'

/** Thrown where the bytes read so far end and the file goes on. */
export class NeedMoreBytes extends Error {
  constructor(readonly upTo: number) {
    super(`the header goes on to byte ${upTo} at least`)
  }
}

export function malformed(message: string): OctavoError {
  return new OctavoError('malformed-file', message, 'Download the file again, or choose another one.')
}

/** What a file that is not of its format begins like, in words; null where nobody knows. */
export function looksLike(bytes: Uint8Array): string | null {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 64))
  if (/^\s*(<!doctype|<html|<\?xml)/i.test(start)) return 'a web page'
  if (start.startsWith('version https://git-lfs')) return 'a Git LFS pointer'
  if (start.startsWith('PK\u0003\u0004') || start.startsWith('\u0080\u0002')) return 'a PyTorch checkpoint'
  if (start.startsWith('GGUF')) return 'a GGUF file'
  return null
}
