import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { importBench } from '../bench/in-node.ts'
import { encoderModel } from './model.ts'

/**
 * npm run bench:int4
 *
 * How far four bits a weight take a real unquantized model off, by each way to choose them; also six and eight bits. On
 * the CPU, by the twins of the kernels.
 */
const texts = [
  'Weights are quantized while they load, thirty-two at a time.',
  'The quick brown fox jumps over the lazy dog.',
  'How do I cancel a subscription that I bought with a gift card?',
  'In 1905 Einstein published four papers that changed physics.',
  'SELECT name, count(*) FROM orders GROUP BY name HAVING count(*) > 3;',
  'Der Hund bellt, und die Katze schläft auf dem warmen Ofen.',
]

const { file } = await encoderModel()
const { openBert } = await importBench<typeof import('../bench/bert-file.ts')>('bert-file.ts')
const { measureInt4 } = await importBench<typeof import('../bench/int4.ts')>('int4.ts')
const json = async (name: string) => JSON.parse(await readFile(join(dirname(file), name), 'utf8'))
const { model, tokenize } = openBert(
  new Uint8Array(await readFile(file)),
  await json('config.json'),
  await json('tokenizer.json'),
  await json('tokenizer_config.json'),
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
// Vite's server keeps the process.
process.exit(0)
