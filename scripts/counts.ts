import { parseArgs } from 'node:util'
import { withBenchPage } from '../bench/in-browser.ts'
import { report } from '../bench/report.ts'
import { lavapipeVariables } from './lavapipe.ts'

/**
 * npm run counts -- [--lavapipe] [--json FILE]
 *
 * What one decode step of the tests' model asks of the device, counted in Chromium at the device itself.
 */
const { values } = parseArgs({
  options: { lavapipe: { type: 'boolean', default: false }, json: { type: 'string' } },
})
if (values.lavapipe) Object.assign(process.env, lavapipeVariables(), { OCTAVO_ADAPTER: 'lavapipe' })

const promptTokens = 32

await withBenchPage(async ({ page, browser, modelUrl }) => {
  const { adapter, counts } = await page.evaluate(
    ([url, tokens]) => window.octavoBench!.countDecode(url, tokens),
    [modelUrl, promptTokens] as const,
  )
  await report({ adapter, browser }, { ...counts }, values.json)
})
