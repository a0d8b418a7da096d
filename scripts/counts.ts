import { parseArgs } from 'node:util'
import type { Page } from 'playwright'
import { withBenchPage } from '../bench/in-browser.ts'
import { report } from '../bench/report.ts'
import { lavapipeVariables } from './lavapipe.ts'
import { precisionNamed } from './precision-named.ts'

/**
 * npm run counts -- [--lavapipe] [--json FILE] [--families [--precision exact]]
 *
 * What one decode step of the tests' model asks of the device, counted in Chromium at the device itself. With --families:
 * the dispatches of each family's reference model, counted at a device that does nothing.
 */
const { values } = parseArgs({
  options: {
    lavapipe: { type: 'boolean', default: false },
    json: { type: 'string' },
    families: { type: 'boolean', default: false },
    precision: { type: 'string', default: 'exact' },
  },
})
if (values.lavapipe) Object.assign(process.env, lavapipeVariables(), { OCTAVO_ADAPTER: 'lavapipe' })

const promptTokens = 32

const goldenRoot = process.env.OCTAVO_GOLDEN ? '/shared-golden/arch' : '/golden/arch'

async function printFamilies(page: Page): Promise<void> {
  const names = await page.evaluate((root) => window.octavoBench!.decoderNames(root), goldenRoot)
  console.log('| model | layers | dispatches a token | a layer | of which |\n| --- | --- | --- | --- | --- |')
  for (const name of names) {
    const counted = await page
      .evaluate(([root, each, to]) => window.octavoBench!.countFamily(root, each, to), [
        goldenRoot,
        name,
        precisionNamed(values.precision),
      ] as const)
      .catch((error: unknown) => {
        if (!String(error).includes('is not supported')) throw error
        console.log(`| ${name} | not supported | | | |`)
        return null
      })
    if (!counted) continue
    const { layers, dispatches, dispatchesPerLayer, kernels } = counted
    const each = Object.entries(kernels).map(([kernel, count]) => `${count} ${kernel}`)
    const cells = [name, layers, dispatches, dispatchesPerLayer.toFixed(1), each.join(', ')]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

await withBenchPage(async ({ page, browser, modelUrl }) => {
  if (values.families) {
    await printFamilies(page)
    return
  }
  const { adapter, counts } = await page.evaluate(
    ([url, tokens]) => window.octavoBench!.countDecode(url, tokens),
    [modelUrl, promptTokens] as const,
  )
  await report({ adapter, browser }, { ...counts }, values.json)
})
