import { parseArgs } from 'node:util'
import { importBench, nodeGpu, nodeModel, nodeName } from '../bench/in-node.ts'
import { commit } from '../bench/report.ts'
import { type KvFormat, kvFormats } from '../src/util/kv-format.ts'
import perplexity from '../test/golden/smollm2/perplexity.json' with { type: 'json' }
import { lavapipeVariables } from './lavapipe.ts'
import { precisionNamed } from './precision-named.ts'

/**
 * npm run bench:perplexity -- [--lavapipe] [--kv f16]… [--precision exact]… [--tokens 1419]
 *
 * Perplexity of the golden passage for each precision and each format of the KV cache, and what a token takes in it; in this process, on
 * the GPU that the package webgpu finds.
 */
const { values } = parseArgs({
  options: {
    lavapipe: { type: 'boolean', default: false },
    kv: { type: 'string', multiple: true, default: [...kvFormats] },
    precision: { type: 'string', multiple: true, default: ['exact'] },
    tokens: { type: 'string', default: String(perplexity.ids.length) },
  },
})
const formats = values.kv.map((name) => {
  const format = kvFormats.find((each) => each === name)
  if (!format) throw new Error(`--kv is '${name}', not one of ${kvFormats.join(', ')}`)
  return format satisfies KvFormat
})
const asked = values.precision.map(precisionNamed)
if (values.lavapipe) Object.assign(process.env, lavapipeVariables())
const { benchPerplexity } = await importBench<typeof import('../bench/perplexity.ts')>('perplexity.ts')
const gpu = nodeGpu(process.env.VK_ICD_FILENAMES ?? null)
const ids = perplexity.ids.slice(0, Number(values.tokens))
console.log(
  `${nodeName()}, ${commit()}, ${ids.length} tokens; transformers in f32: ${perplexity.perplexity} for all`,
)
console.log(
  'precision format  perplexity  greatest difference of a logprob from the first row’s  bytes a token  blocks a MiB',
)
for (const row of await benchPerplexity({
  model: await nodeModel(),
  gpu,
  ids,
  formats,
  precisions: asked,
})) {
  const { precision, format, greatestDifference, bytesPerToken, blocksPerMebibyte } = row
  const columns = [
    precision.padEnd(9),
    format.padEnd(6),
    row.perplexity.toFixed(4).padStart(11),
    greatestDifference.toFixed(4).padStart(51),
    String(bytesPerToken).padStart(14),
    blocksPerMebibyte.toFixed(2).padStart(13),
  ]
  console.log(columns.join(' '))
}
// Dawn's threads keep the process.
process.exit(0)
