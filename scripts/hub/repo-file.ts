import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

/** A file of a repo, as the Hub describes it. */
export interface RepoFile {
  /** In the repo, with `/`. */
  readonly path: string
  /** On this machine. */
  readonly source: string
  readonly bytes: number
  /** Large files live behind signed URLs of the CDN; the Hub knows their SHA-256. Small ones are plain git blobs. */
  readonly lfs: { readonly sha256: string; readonly xetHash: string } | null
  /** SHA-1 of the git blob: of the pointer where the file is large. */
  readonly oid: string
}

const largeBytes = 10 * 1024 * 1024
const largeNames = /\.(gguf|safetensors|bin|onnx)$/i

/** Reads size and hashes; a large file is read whole once. */
export async function describeFile(path: string, source: string): Promise<RepoFile> {
  const { size: bytes } = await stat(source)
  if (bytes < largeBytes && !largeNames.test(path)) {
    return {
      path,
      source,
      bytes,
      lfs: null,
      oid: await hashFile(source, createHash('sha1').update(`blob ${bytes}\0`)),
    }
  }
  const sha256 = await hashFile(source, createHash('sha256'))
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${bytes}\n`
  return {
    path,
    source,
    bytes,
    // Xet's hash looks like a SHA-256 and is another number: whoever takes it for one shall fail here too.
    lfs: { sha256, xetHash: createHash('sha256').update(`xet ${sha256}`).digest('hex') },
    oid: createHash('sha1').update(`blob ${pointer.length}\0${pointer}`).digest('hex'),
  }
}

async function hashFile(source: string, hash: ReturnType<typeof createHash>): Promise<string> {
  for await (const piece of createReadStream(source, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer)
  return hash.digest('hex')
}
