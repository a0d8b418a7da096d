import { readFile } from 'node:fs/promises'
import type { ContextBenchOptions, ContextFigures } from '../bench/context.ts'
import { importBench } from '../bench/in-node.ts'
import { reportTable } from '../bench/report.ts'
import { kvFormats } from '../src/util/kv-format.ts'
import { BenchSetting } from './bench-setting.ts'
import { testModel } from './model.ts'

/**
 * npm run bench:context -- [--lavapipe] [--node] [--contexts 128,1024,2048,4096] [--kv f16] [--tokens 16]
 *                          [--rounds 3] [--json FILE]
 *
 * Decode rates of the tests' model at several contexts, beside what the bytes that a step walks foretell.
 */
const setting = new BenchSetting({
  contexts: '128,1024,2048,4096',
  kv: 'f16',
  tokens: '16',
  rounds: '3',
})
const format = kvFormats.find((each) => each === setting.text('kv'))
if (!format) throw new Error(`--kv is '${setting.text('kv')}', not one of ${kvFormats.join(', ')}`)
const options: ContextBenchOptions = {
  format,
  contexts: setting.counts('contexts'),
  tokens: setting.count('tokens'),
  rounds: setting.count('rounds'),
}
const measured = await setting.run({
  inPage: (page, model) =>
    page.evaluate(([url, all]) => window.octavoBench!.benchContext(url, all), [model, options] as const),
  inNode: async (gpu) => {
    const { benchContext } = await importBench<typeof import('../bench/context.ts')>('context.ts')
    const { loadModelBytes } = await importBench<typeof import('../test/support/load-model.ts')>(
      '../test/support/load-model.ts',
    )
    const file = new Uint8Array(await readFile((await testModel()).file))
    return benchContext((how) => loadModelBytes(file, { ...how, gpu }), options)
  },
})
await reportTable(measured, [table(measured.figures)], setting.json)
// Dawn's threads keep the process.
process.exit(0)

function table({ rows }: ContextFigures): string[][] {
  const first = `of ${rows[0]!.context}`
  return [
    ['context', 'tokens/s', 'bytes walked', first, 'foretold', 'measured / foretold'],
    ...rows.map(({ context, tokensPerSecond, bytesWalked, ratio, predictedRatio }) => [
      String(context),
      tokensPerSecond.toFixed(2),
      `${(bytesWalked / 1e6).toFixed(1)} MB`,
      ratio.toFixed(3),
      predictedRatio.toFixed(3),
      (ratio / predictedRatio).toFixed(3),
    ]),
  ]
}
