import { openAsBlob } from 'node:fs'
import { basename, relative } from 'node:path'
import type { ColdBenchOptions, ColdFigures } from '../bench/cold.ts'
import { importBench } from '../bench/in-node.ts'
import { peerModel } from '../bench/peers/models.ts'
import { reportTable } from '../bench/report.ts'
import { BenchSetting } from './bench-setting.ts'
import { cacheFolder } from './model.ts'

/**
 * npm run bench:cold -- [--lavapipe] [--node] [--model 135m|tiny] [--prompt 32] [--repeats 3] [--json FILE]
 *
 * Where the time goes from `createEngine` on a model that lies on this device to the first token: in Chromium from its
 * store, in Node from a file; and how long a stream waits whose GPU is taken away. `tiny` is the model of that name in the comparison with peers: kernels are all that takes time.
 */
const setting = new BenchSetting({ model: '135m', prompt: '32', repeats: '3' })
const options: Omit<ColdBenchOptions, 'model' | 'gpu'> = {
  promptTokens: setting.count('prompt'),
  repeats: setting.count('repeats'),
}
const model = setting.text('model')
if (model !== '135m' && model !== 'tiny')
  throw new Error(`--model is '${model}', which is neither 135m nor tiny`)
const { gguf } = await peerModel(model, { onnx: false })
const measured = await setting.run({
  inPage: (page, modelUrl) =>
    page.evaluate((all) => window.octavoBench!.benchCold(all), {
      ...options,
      model: new URL(`/cache/${relative(cacheFolder, gguf)}`, modelUrl).href,
    }),
  inNode: async (gpu) => {
    const { benchCold } = await importBench<typeof import('../bench/cold.ts')>('cold.ts')
    return benchCold({ ...options, gpu, model: new File([await openAsBlob(gguf)], basename(gguf)) })
  },
})
await reportTable(measured, [table(measured.figures)], setting.json)
// Dawn's threads keep the process.
process.exit(0)

function table({ pipelines, begunBefore, parts }: ColdFigures): string[][] {
  const row = (what: string, ms: number) => [
    what,
    `${ms.toFixed(0)} ms`,
    `${((100 * ms) / parts.wholeMs).toFixed(0)} %`,
  ]
  return [
    ['part', 'median', 'of the whole'],
    row('reference, header, tokenizer, GPU', parts.openMs),
    row('room on it, shaders, the first chunk', parts.roomMs),
    row('weights to the GPU', parts.weightsMs),
    row('pipelines that are late, check', parts.checkMs),
    row(`first token behind ${options.promptTokens}`, parts.prefillMs),
    row('createEngine to the first token', parts.wholeMs),
    row('meanwhile: a read pending', parts.readMs),
    row('meanwhile: a hash being taken', parts.hashMs),
    row(
      `meanwhile: ${pipelines} pipelines compile, ${begunBefore} begun before the weights`,
      parts.pipelinesMs,
    ),
    row('of it behind the weights', parts.pipelinesAfterMs),
    row('a stream whose GPU is lost waits', parts.lostMs),
  ]
}
