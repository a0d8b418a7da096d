import { openAsBlob } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { EmbeddingsBenchOptions } from '../bench/embeddings.ts'
import { importBench } from '../bench/in-node.ts'
import { reportTable } from '../bench/report.ts'
import { BenchSetting } from './bench-setting.ts'
import { cacheFolder, encoderModel } from './model.ts'

/**
 * npm run bench:embeddings -- [--lavapipe] [--node] [--batches 1,8,32] [--rounds 7] [--json FILE]
 *
 * How many short texts all-MiniLM-L6-v2 turns into vectors in a second, by the texts of a request.
 */
const setting = new BenchSetting({ batches: '1,8,32', rounds: '7' })
const golden = join(import.meta.dirname, '../test/golden/minilm/embeddings.json')
const { texts } = JSON.parse(await readFile(golden, 'utf8')) as { texts: { text: string; ids: number[] }[] }
const options: EmbeddingsBenchOptions = {
  batches: setting.counts('batches'),
  rounds: setting.count('rounds'),
  texts: texts.filter(({ ids }) => ids.length >= 9 && ids.length <= 20).map(({ text }) => text),
}
const folder = dirname((await encoderModel()).file)
const measured = await setting.run({
  inPage: (page) =>
    page.evaluate(({ path, all }) => window.octavoBench!.benchEmbeddings(path, all), {
      path: folder.replace(cacheFolder, '/cache'),
      all: options,
    }),
  inNode: async (gpu) => {
    const { benchEmbeddings, encoderPaths } =
      await importBench<typeof import('../bench/embeddings.ts')>('embeddings.ts')
    const fileOf = async (path: string) => new File([await openAsBlob(join(folder, path))], path)
    return benchEmbeddings(gpu, await Promise.all(encoderPaths.map(fileOf)), options)
  },
})
const rows = measured.figures.rows.map(({ texts, tokens, ms }) => [
  String(texts),
  String(tokens),
  ms.toFixed(0),
  ((1000 * texts) / ms).toFixed(1),
  ((1000 * tokens) / ms).toFixed(0),
])
await reportTable(measured, [[['texts', 'tokens', 'ms', 'texts/s', 'tokens/s'], ...rows]], setting.json)
// Dawn's threads keep the process.
process.exit(0)
