import { parseArgs } from 'node:util'
import type { EngineBenchOptions, EngineFigures } from '../bench/engine.ts'
import { withBenchPage } from '../bench/in-browser.ts'
import { importBench, nodeGpu, nodeModel, nodeName } from '../bench/in-node.ts'
import { report } from '../bench/report.ts'
import { lavapipeVariables } from './lavapipe.ts'
import { precisionNamed } from './precision-named.ts'

/**
 * npm run bench -- [--lavapipe] [--node] [--prompt 128] [--decode 32] [--repeats 3] [--precision exact] [--json FILE]
 *
 * Times the engine with the tests' model: in Chromium on SwiftShader or lavapipe, or with `--node` in this process on
 * the GPU that the package webgpu finds.
 */
const { values } = parseArgs({
  options: {
    lavapipe: { type: 'boolean', default: false },
    node: { type: 'boolean', default: false },
    prompt: { type: 'string', default: '128' },
    decode: { type: 'string', default: '32' },
    repeats: { type: 'string', default: '3' },
    precision: { type: 'string', default: 'exact' },
    json: { type: 'string' },
  },
})
const options = {
  promptTokens: count('prompt'),
  decodeTokens: count('decode'),
  repeats: count('repeats'),
  precision: precisionNamed(values.precision),
}
const variables = values.lavapipe ? { ...lavapipeVariables(), OCTAVO_ADAPTER: 'lavapipe' } : {}
Object.assign(process.env, variables)
if (values.node) await benchInNode()
else await benchInBrowser()

function count(name: 'prompt' | 'decode' | 'repeats'): number {
  const value = Number(values[name])
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} is '${values[name]}', not a whole number above 0`)
  return value
}

async function benchInBrowser(): Promise<void> {
  await withBenchPage(async ({ page, browser, modelUrl, rendererBytes }) => {
    const before = await rendererBytes()
    let peak = before
    const watch = setInterval(() => {
      const sampled = rendererBytes().then((bytes) => {
        peak = Math.max(peak, bytes)
      })
      // The browser may close in between.
      sampled.catch(() => undefined)
    }, 100)
    await page.exposeFunction('coldLoaded', () => clearInterval(watch))
    const { adapter, figures } = await page
      .evaluate((all) => window.octavoBench!.benchEngine(all), { ...options, model: modelUrl })
      .finally(() => clearInterval(watch))
    await report({ adapter, browser }, { ...figures, loadRendererGrowthBytes: peak - before }, values.json)
  })
}

async function benchInNode(): Promise<void> {
  const gpu = nodeGpu(process.env.VK_ICD_FILENAMES ?? null)
  const { benchEngine } = await importBench<{
    benchEngine: (options: EngineBenchOptions) => Promise<EngineFigures>
  }>('engine.ts')
  const { adapter, figures } = await benchEngine({ ...options, gpu, model: await nodeModel() })
  await report({ adapter, browser: nodeName() }, figures, values.json)
  // Dawn's threads keep the process.
  process.exit(0)
}
