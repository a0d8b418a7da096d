import { basename } from 'node:path'
import { chromium, type Page } from 'playwright'
import { cacheFolder, testModel } from '../scripts/model.ts'
import { chromiumOptions } from '../test/support/browser.ts'
import { processBytes } from './process-memory.ts'
import { startServer } from './vite-server.ts'

export interface BenchPage {
  readonly page: Page
  /** Name and version. */
  readonly browser: string
  /** Where the page finds the model that the tests use. */
  readonly modelUrl: string
  /** Bytes of memory that all of the browser's renderers hold now; the page's worker lives in one of them. */
  rendererBytes(): Promise<number>
}

/** Opens the page of bench/ in Chromium on the software adapter that the environment names, and closes all after `use`. */
export async function withBenchPage<T>(use: (bench: BenchPage) => Promise<T>): Promise<T> {
  const { file } = await testModel()
  if (!file.startsWith(cacheFolder)) throw new Error(`${file} is not in ${cacheFolder}`)
  const { server, origin } = await startServer()
  const browser = await chromium.launch(chromiumOptions())
  try {
    const page = await browser.newPage()
    page.on('pageerror', (error) => console.error(error))
    await page.goto(`${origin}/bench/page.html`)
    await page.waitForFunction(() => window.octavoBench !== undefined, null, { timeout: 120_000 })
    return await use({
      page,
      browser: `Chromium ${browser.version()}`,
      modelUrl: `${origin}/cache/${basename(file)}`,
      rendererBytes: () => processBytes(browser, 'renderer'),
    })
  } finally {
    await browser.close()
    await server.close()
  }
}
