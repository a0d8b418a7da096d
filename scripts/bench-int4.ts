import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { importBench, nodeGpu } from '../bench/in-node.ts'
import { lavapipeVariables } from './lavapipe.ts'
import { encoderModel } from './model.ts'

/**
 * npm run bench:int4 [-- --logits [--lavapipe]]
 *
 * How far four bits a weight take a model off, by each way to choose them; also six and eight bits. A real unquantized
 * encoder on the CPU, by the twins of the kernels; with `--logits` the golden decoders, on the GPU.
 */
const { values } = parseArgs({
  options: { logits: { type: 'boolean', default: false }, lavapipe: { type: 'boolean', default: false } },
})
const texts = [
  'Weights are quantized while they load, thirty-two at a time.',
  'The quick brown fox jumps over the lazy dog.',
  'How do I cancel a subscription that I bought with a gift card?',
  'In 1905 Einstein published four papers that changed physics.',
  'SELECT name, count(*) FROM orders GROUP BY name HAVING count(*) > 3;',
  'Der Hund bellt, und die Katze schläft auf dem warmen Ofen.',
]

async function encoder(): Promise<void> {
  const { file } = await encoderModel()
  const { openBert } = await importBench<typeof import('../bench/bert-file.ts')>('bert-file.ts')
  const { measureInt4 } = await importBench<typeof import('../bench/int4.ts')>('int4.ts')
  const folder = dirname(file)
  const { model, tokenize } = await openBert(
    new Uint8Array(await readFile(file)),
    await json(join(folder, 'config.json')),
    await json(join(folder, 'tokenizer.json')),
    await json(join(folder, 'tokenizer_config.json')),
  )
  console.log('all-MiniLM-L6-v2, 36 matrices of 6 layers\n')
  console.log(
    '| quantization | bits a weight | weights | products, median | products, greatest | mean cosine |',
  )
  console.log('| --- | --- | --- | --- | --- | --- |')
  for (const { name, bits, weights, products, cosine } of measureInt4(model, texts.map(tokenize))) {
    const numbers = [weights, products.median, products.greatest].map((value) => value.toFixed(4))
    console.log(`| ${[name, bits.toFixed(2), ...numbers, cosine.toFixed(5)].join(' | ')} |`)
  }
}

async function decoders(): Promise<void> {
  if (values.lavapipe) Object.assign(process.env, lavapipeVariables())
  const { measureLogits } = await importBench<typeof import('../bench/int4-logits.ts')>('int4-logits.ts')
  const golden = join(import.meta.dirname, '../test/golden/arch')
  const models = await Promise.all(
    ['llama-hd80', 'llama-linear', 'llama-llama3rope'].map(async (name) => ({
      name,
      file: new Uint8Array(await readFile(join(golden, name, 'model.safetensors'))),
      config: await json(join(golden, name, 'config.json')),
      golden: await json(join(golden, name, 'golden.json')),
    })),
  )
  const lengths = models[0]!.golden.sequences.map(
    ({ input_ids }: { input_ids: number[] }) => input_ids.length,
  )
  console.log(`Last logits of prompts of ${lengths.join(', ')} tokens\n`)
  console.log(`| quantization | ${models.map(({ name }) => name).join(' | ')} | mean |`)
  console.log(`| --- |${' --- |'.repeat(models.length + 1)}`)
  for (const { name, deviations } of await measureLogits(
    nodeGpu(process.env.VK_ICD_FILENAMES ?? null),
    models,
  )) {
    const cells = deviations.map((each) => each.map((value) => value.toFixed(3)).join(', '))
    const all = deviations.flat()
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length
    console.log(`| ${[name, ...cells, mean.toFixed(3)].join(' | ')} |`)
  }
}

async function json(path: string) {
  return JSON.parse(await readFile(path, 'utf8'))
}

await (values.logits ? decoders() : encoder())
// Vite's server and Dawn's threads keep the process.
process.exit(0)
