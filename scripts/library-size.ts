import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Files of the built library that a chat with a llama or a Qwen downloads. */
export const chatFiles = ['index.js', 'worker.js'] as const

/** Bytes of a file of the built library: as it is, and as servers send it that compress with gzip's usual level. */
export async function fileSize(folder: string, name: string): Promise<{ minified: number; gzipped: number }> {
  const bytes = await readFile(join(folder, name))
  return { minified: bytes.length, gzipped: gzipSync(bytes).length }
}
