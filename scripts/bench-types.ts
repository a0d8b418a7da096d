import { importBench } from '../bench/in-node.ts'
import { reportTable } from '../bench/report.ts'
import type { TypesBenchOptions, TypesFigures } from '../bench/types.ts'
import { BenchSetting } from './bench-setting.ts'

/**
 * npm run bench:types -- [--lavapipe] [--node] [--types Q4_0,Q4_K] [--rounds 7] [--json FILE]
 *
 * How fast a matrix of each tensor type is multiplied with one token's activations, on shapes of a model of 1B. Prints
 * Markdown.
 */
const setting = new BenchSetting({ types: '', rounds: '7' })
const types = setting.text('types')
const options: TypesBenchOptions = {
  rounds: setting.count('rounds'),
  ...(types === '' ? {} : { types: ['Q4_0', ...types.split(',').filter((type) => type !== 'Q4_0')] }),
}
const measured = await setting.run({
  inPage: (page) => page.evaluate((all) => window.octavoBench!.benchTypes(all), options),
  inNode: async (gpu) => {
    const { benchTypes } = await importBench<typeof import('../bench/types.ts')>('types.ts')
    return benchTypes(gpu, options)
  },
})
await reportTable(measured, [], setting.json)
console.log(`${measured.figures.variant}\n\n${markdown(measured.figures)}`)
// Dawn's threads keep the process.
process.exit(0)

function markdown({ rows }: TypesFigures): string {
  const measures = ['GB/s', 'Gweights/s', 'per byte', 'quartiles']
  const heads = rows[0]!.shapes.flatMap(({ rows, columns }) => [`[${rows}, ${columns}]`, '', '', ''])
  const lines = [
    ['', '', ...heads],
    ['---', '---', ...heads.map(() => '---')],
    ['type', 'bits', ...rows[0]!.shapes.flatMap(() => measures)],
  ]
  for (const { type, bitsPerWeight, shapes } of rows) {
    const cells = shapes.flatMap(({ gigabytesPerSecond, gigaweightsPerSecond, perByte }) => [
      gigabytesPerSecond.toFixed(2),
      gigaweightsPerSecond.toFixed(2),
      perByte.median.toFixed(2),
      perByte.quartiles.map((ratio) => ratio.toFixed(2)).join(' – '),
    ])
    lines.push([type, String(Number(bitsPerWeight.toFixed(4))), ...cells])
  }
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
