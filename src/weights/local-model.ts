import { OctavoError } from '../util/octavo-error'
import { BlobSource } from './byte-source'
import { chooseModel, modelsAmong } from './choose-model'
import { ChunkedFile } from './chunked-file'
import { contentOf } from './content'
import { fingerprint } from './fingerprint'
import { findModelFiles } from './model-files'
import type { ModelFolder } from './model-folder'
import type { Platform } from './platform'
import { readModel } from './read-model'
import { streamChunks } from './stream-chunks'
import type { OpenedModel } from './types'

/**
 * Opens a model whose files the person picked: one, or all of its parts and texts. They are read in place, and nothing
 * of them is kept.
 *
 * @throws OctavoError 'not-found', 'invalid-option', 'malformed-file', 'unsupported-tensor-type', 'aborted'
 */
export async function openLocalModel(
  picked: readonly File[],
  platform: Platform,
  signal: AbortSignal,
): Promise<OpenedModel> {
  const files = byPath(picked)
  const main = mainOf([...files.keys()])
  const folder = new PickedFolder(files, platform.chunkBytes)
  const options = { signal, parallel: platform.parallel }
  const found = await findModelFiles(folder, main, options)
  const { header, config } = await readModel(found, options)
  const prints = await Promise.all(found.weights.map(({ source }) => fingerprint(source, signal)))
  return {
    header,
    content: await contentOf(prints, config),
    source: { reference: main, repo: null, revision: null, file: main },
    files: folder.opened.map(({ name: path, bytes }) => ({ path, bytes })),
    stream: (sink, streaming) => streamChunks(found.weights, sink, platform, streaming),
  }
}

/** By their paths below the folder that was picked or dropped, where one was. */
function byPath(picked: readonly File[]): ReadonlyMap<string, File> {
  const top = /^[^/]+\//.exec(picked[0]?.name ?? '')?.[0] ?? ''
  const shared = picked.every(({ name }) => name.startsWith(top)) ? top.length : 0
  return new Map(picked.map((file) => [file.name.slice(shared), file]))
}

/** A single file is what it is, whatever it is called. */
function mainOf(paths: readonly string[]): string {
  if (paths.length === 1) return paths[0]!
  const { gguf, safetensors } = modelsAmong(paths)
  const models = [...gguf, ...(safetensors ? [safetensors] : [])]
  if (models.length > 1) {
    throw new OctavoError(
      'invalid-option',
      `Files of ${models.length} models were picked: ${models.slice(0, 20).join(', ')}.`,
      'Pick the files of one model.',
    )
  }
  return chooseModel(paths, { where: 'What was picked', tag: null })
}

class PickedFolder implements ModelFolder {
  readonly opened: ChunkedFile[] = []

  constructor(
    readonly files: ReadonlyMap<string, File>,
    readonly chunkBytes: number,
  ) {}

  async find(path: string): Promise<ChunkedFile | null> {
    const file = this.files.get(path)
    if (!file) return null
    const { chunkBytes } = this
    const source = new BlobSource(file)
    const opened = new ChunkedFile({
      name: path,
      source,
      chunkBytes,
      keeping: null,
      sha256: null,
      complete: false,
    })
    this.opened.push(opened)
    return opened
  }
}
