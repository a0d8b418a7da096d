import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright'
import { chromiumOptions } from '../support/browser.ts'

interface Viewport {
  readonly width: number
  readonly height: number
}

/** SwiftShader takes seconds for a token, more where other work runs beside it. */
export const slowMs = 300_000

/** A browser profile on disk: it can be closed, or killed, and opened again with what the pages have stored. */
export class Profile {
  #context: BrowserContext | null = null

  private constructor(readonly folder: string) {}

  static async create(): Promise<Profile> {
    return new Profile(await mkdtemp(join(tmpdir(), 'octavo-profile-')))
  }

  /** Starts the browser on this profile. */
  async open(viewport: Viewport = { width: 1280, height: 800 }): Promise<BrowserContext> {
    await this.close()
    this.#context = await chromium.launchPersistentContext(this.folder, { ...chromiumOptions(), viewport })
    this.#context.setDefaultTimeout(slowMs)
    return this.#context
  }

  async close(): Promise<void> {
    const context = this.#context
    this.#context = null
    await context?.close()
  }

  async delete(): Promise<void> {
    await this.close()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Opens an address; what the page throws and logs as an error is collected. */
export async function openPage(
  context: BrowserContext,
  url: string,
): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.goto(url)
  return { page, complaints }
}
