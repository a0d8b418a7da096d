import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { withBenchPage } from '../bench/in-browser.ts'
import { importBench, nodeGpu, nodeName } from '../bench/in-node.ts'
import { modelShapes } from '../bench/kernel-shapes.ts'
import type { KernelBenchOptions, KernelFigures, KernelRow } from '../bench/kernels.ts'
import { commit } from '../bench/report.ts'
import { lavapipeVariables } from './lavapipe.ts'

/**
 * npm run bench:kernels -- [--lavapipe] [--node] [--model 135M]… [--kernel matvec]… [--type Q4_1]… [--segments 8]
 *                          [--json FILE] [--markdown FILE]
 *
 * Times each kernel's variants on shapes of models of 135M, 1B and 3B.
 */
const list = { type: 'string', multiple: true } as const
const { values } = parseArgs({
  options: {
    lavapipe: { type: 'boolean', default: false },
    node: { type: 'boolean', default: false },
    model: list,
    kernel: list,
    type: list,
    segments: { type: 'string', default: '8' },
    json: { type: 'string' },
    markdown: { type: 'string' },
  },
})
const segments = Number(values.segments)
if (!Number.isInteger(segments) || segments < 1 || segments > 8)
  throw new Error(`--segments is '${values.segments}', not a whole number from 1 to 8`)
const names = modelShapes.map(({ name }) => name)
const strange = values.model?.find((name) => !names.includes(name))
if (strange !== undefined) throw new Error(`--model is '${strange}', which is none of ${names.join(', ')}`)
/** One after another, so that what was measured is printed; the last is what depends on no model. */
const parts = values.model ? values.model.map((name) => [name]) : [...names.map((name) => [name]), []]
const optionsOf = (models: readonly string[]): KernelBenchOptions => ({
  models,
  kernels: values.kernel,
  types: values.type,
  segments,
})
if (values.lavapipe) Object.assign(process.env, lavapipeVariables(), { OCTAVO_ADAPTER: 'lavapipe' })
if (values.node) {
  const { benchKernels } = await importBench<typeof import('../bench/kernels.ts')>('kernels.ts')
  const gpu = nodeGpu(process.env.VK_ICD_FILENAMES ?? null)
  await measure(nodeName(), (options) => benchKernels(gpu, options))
  // Dawn's threads keep the process.
  process.exit(0)
} else {
  await withBenchPage(({ page, browser }) =>
    measure(browser, (options) => page.evaluate((all) => window.octavoBench!.benchKernels(all), options)),
  )
}

/** Prints rows as they come, and writes the files that are named anew with each part. */
async function measure(
  browser: string,
  bench: (options: KernelBenchOptions) => Promise<KernelFigures>,
): Promise<void> {
  const all: KernelRow[] = []
  for (const models of parts) {
    const { adapter, rows } = await bench(optionsOf(models))
    if (all.length === 0) console.log(`${adapter}, ${browser}, ${commit()}`)
    for (const row of rows) console.log(line(row))
    all.push(...rows)
    const figures = { adapter, browser, commit: commit(), rows: all }
    if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`)
    if (values.markdown) await writeFile(values.markdown, page(`${adapter}, ${browser}`, all))
  }
  const unmeasured = values.kernel?.find((name) => !all.some(({ kernel }) => kernel === name))
  if (unmeasured !== undefined)
    throw new Error(`--kernel '${unmeasured}': there is no such kernel for these models and types`)
}

/** A table for each model. */
function page(machine: string, rows: readonly KernelRow[]): string {
  const models = [...new Set(rows.map(({ model }) => model))]
  const command = `npm run bench:kernels -- ${process.argv.slice(2).join(' ')}`
  return [
    '# Kernels',
    `${new Date().toISOString().slice(0, 10)}, commit ${commit().slice(0, 10)}, ${machine}.`,
    `\`${command}\``,
    'Milliseconds of one dispatch: of short ones many in one pass, the best of some passes. Each finds its data where the one before left it.',
    ...models.flatMap((model) => [`## ${model}`, table(rows.filter((row) => row.model === model))]),
  ]
    .map((paragraph) => `${paragraph}\n`)
    .join('\n')
}

function table(rows: readonly KernelRow[]): string {
  const lines = rows.map(({ kernel, what, variant, ms, gigabytesPerSecond, gigaflops }) => [
    kernel,
    what,
    variant,
    ms.toFixed(3),
    gigabytesPerSecond.toFixed(2),
    gigaflops?.toFixed(2) ?? '',
  ])
  const headings = ['kernel', 'shape', 'variant', 'ms', 'GB/s', 'GFLOP/s']
  return [headings, headings.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function line({ model, kernel, what, variant, ms, gigabytesPerSecond, gigaflops }: KernelRow): string {
  const columns = [model.padEnd(5), kernel.padEnd(18), what.padEnd(46), variant.padEnd(36)]
  const numbers = [`${ms.toFixed(3)} ms`, `${gigabytesPerSecond.toFixed(2)} GB/s`]
  if (gigaflops !== null) numbers.push(`${gigaflops.toFixed(2)} GFLOP/s`)
  return [...columns, ...numbers.map((number) => number.padStart(14))].join(' ')
}
