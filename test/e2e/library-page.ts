import type { BrowserContext, Page } from 'playwright'
import { openPage } from './profile.ts'

declare global {
  /** In the app's page, put there by its module script. */
  var octavo: typeof import('octavo')
  /** The engine of the app's page. */
  var engine: import('octavo').Engine
  /** How the load went, report by report. */
  var progress: import('octavo').LoadProgress[]
}

/** An app's page that imports the library by its address in a plain module script. */
export async function openApp(
  context: BrowserContext,
  { page: url, library }: { readonly page: string; readonly library: string },
): Promise<{ page: Page; complaints: string[] }> {
  const opened = await openPage(context, url)
  const content = `import * as octavo from ${JSON.stringify(library)}\nglobalThis.octavo = octavo`
  await opened.page.addScriptTag({ type: 'module', content })
  await opened.page.waitForFunction(() => 'octavo' in globalThis)
  return opened
}

/** Creates the page's engine; gives the bytes that came from the device's store, and all. */
export function createEngine(
  page: Page,
  endpoint: string,
): Promise<{ storedBytes: number; totalBytes: number }> {
  return page.evaluate(async (hubEndpoint) => {
    globalThis.progress = []
    globalThis.engine = await globalThis.octavo.createEngine({
      model: 'test/tiny-GGUF:Q4_1',
      hub: { endpoint: hubEndpoint },
      onProgress: (report) => globalThis.progress.push(report),
    })
    const { storedBytes, totalBytes } = globalThis.progress.at(-1)!
    return { storedBytes, totalBytes }
  }, endpoint)
}

/** Ids of the first tokens after a prompt, greedily. */
export function firstTokens(page: Page): Promise<number[]> {
  return page.evaluate(async () => {
    const { choices } = await globalThis.engine.completions.create({
      prompt: 'hello there',
      max_tokens: 4,
      temperature: 0,
      ignore_eos: true,
      return_token_ids: true,
    })
    return choices[0]!.token_ids!
  })
}
