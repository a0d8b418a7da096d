// Copies the repos that the project's own tests read out of a folder of quantized safetensors repos, whose README says
// how they were made: `node test/golden/quant/make.mjs FOLDER`. all.json names every repo of that folder.
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const names = [
  'gptq-w4-asym-g32',
  'gptq-w4-asym-g128-act-v2',
  'gptq-w8-sym-g128',
  'awq-w4-g32',
  'mlx-mixed',
  'ct-w4a16-asym-g32',
  'ct-w8a16-channel',
  'ct-fp8-dynamic',
  'ct-w8a8-int8',
  'bnb-nf4-double',
  'bnb-int8',
  'fp8-block-ragged',
  'mxfp4-gpt-oss',
]
const folder = process.argv[2]
const here = import.meta.dirname
copyFileSync(join(folder, 'README.md'), join(here, 'README.md'))
for (const name of names) {
  mkdirSync(join(here, name), { recursive: true })
  for (const file of ['config.json', 'golden.json', 'model.safetensors']) {
    copyFileSync(join(folder, name, file), join(here, name, file))
  }
}
for (const name of readdirSync(join(folder, 'bad'))) {
  const bad = join(folder, 'bad', name)
  if (name === 'ok-quant' || name.startsWith('quant-')) cpSync(bad, join(here, 'bad', name), { recursive: true })
}
copyFileSync(join(folder, 'bad', 'index.json'), join(here, 'bad', 'index.json'))
const all = readdirSync(folder).filter((name) => name !== 'bad' && existsSync(join(folder, name, 'golden.json')))
writeFileSync(join(here, 'index.json'), `${JSON.stringify(names, null, 2)}\n`)
writeFileSync(join(here, 'all.json'), `${JSON.stringify(all, null, 2)}\n`)
