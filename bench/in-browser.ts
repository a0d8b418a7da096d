import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright'
import { cacheFolder, testModel } from '../scripts/model.ts'
import { chromiumOptions } from '../test/support/browser.ts'
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
      rendererBytes: () => rendererBytes(browser),
    })
  } finally {
    await browser.close()
    await server.close()
  }
}

async function rendererBytes(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession()
  try {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    const renderers = processInfo.filter(({ type }) => type === 'renderer')
    const each = await Promise.all(renderers.map(({ id }) => residentBytes(id)))
    return each.reduce((sum, bytes) => sum + bytes, 0)
  } finally {
    await session.detach()
  }
}

/** Linux only. A process that has ended holds nothing. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0)
}
