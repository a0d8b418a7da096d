import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LocalRepo } from '../../scripts/hub/local-hub.ts'
import { allTypes, type TinyModelOptions, tinyModel } from '../support/tiny-model.ts'

/** A file of some 40 MB: ten chunks, so that a download has a middle. Its weights are few, so it runs fast. */
export const longDownload: TinyModelOptions = {
  hidden: 256,
  intermediate: 4096,
  layers: 3,
  types: allTypes('F32'),
}

/** Writes a tiny model to a temporary file. */
export async function tinyModelFile(options: TinyModelOptions = {}): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'octavo-model-')), 'tiny-Q4_1.gguf')
  await writeFile(file, tinyModel(options).file)
  return file
}

/** The tiny model as a repo of a Hub. */
export async function tinyRepo(options: TinyModelOptions = {}): Promise<LocalRepo> {
  return { repo: 'test/tiny-GGUF', files: { 'tiny-Q4_1.gguf': await tinyModelFile(options) } }
}
