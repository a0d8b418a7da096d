import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { built, demo } from '../../scripts/built.ts'
import { type DemoServer, serveDemo } from '../../scripts/demo-server.ts'
import { HubServer } from '../support/hub-server.ts'
import { openApp } from './library-page.ts'
import { LibrarySite } from './library-site.ts'
import { tinyModelFile, tinyRepo } from './model-files.ts'
import { openPage, Profile } from './profile.ts'

declare global {
  /** Crashes the browser's GPU process. */
  var crashGpu: () => Promise<void>
  /** Phases of recoveries, with how many tokens of the answer there were. */
  var recoveries: { readonly phase: string; readonly tokens: number }[]
}

let hub: HubServer
let server: DemoServer
let site: LibrarySite
let profile: Profile
let context: BrowserContext
beforeAll(async () => {
  hub = await HubServer.start({ repos: [await tinyRepo({ contextLength: 8192 })] })
  site = await LibrarySite.start()
  await built(demo)
  const model = { repo: 'test/tiny-GGUF', tag: 'Q4_1', license: 'none', origin: 'a test' }
  server = await serveDemo({ ...model, file: await tinyModelFile({ contextLength: 8192 }) }, 0)
})
beforeEach(async () => {
  // A browser whose GPU process has crashed twice gives pages none for a while.
  profile = await Profile.create()
  context = await profile.open()
})
afterEach(() => profile.delete())
afterAll(async () => {
  await server?.close()
  await site?.close()
  await hub?.close()
})

/** Gives what crashes the browser's GPU process. */
async function gpuCrash(page: Page): Promise<() => Promise<void>> {
  const cdp = await context.newCDPSession(page)
  // The process that would answer is gone.
  return async () => {
    await cdp.send('Browser.crashGpuProcess').catch(() => undefined)
  }
}

/** The demo with the tiny model. */
async function demoWithModel(): Promise<{
  page: Page
  complaints: string[]
  crash: () => Promise<void>
}> {
  const opened = await openPage(context, server.url)
  await opened.page.getByRole('button', { name: 'Load model' }).press('Enter')
  await opened.page.getByText('ready', { exact: true }).waitFor()
  return { ...opened, crash: await gpuCrash(opened.page) }
}

/** Ids of an answer so long that it has not ended when the GPU process crashes, which is after five of them, if it is to. */
function streamed(page: Page, crashes: boolean): Promise<readonly number[]> {
  return page.evaluate(async (crash) => {
    const stream = await globalThis.engine.completions.create({
      prompt: 'hello there',
      max_tokens: 600,
      temperature: 0,
      ignore_eos: true,
      stream: true,
      return_token_ids: true,
    })
    const ids: number[] = []
    let hasCrashed = !crash
    Object.assign(globalThis, { tokens: () => ids.length })
    for await (const { choices } of stream) {
      ids.push(...(choices[0]?.token_ids ?? []))
      if (hasCrashed || ids.length < 5) continue
      hasCrashed = true
      void globalThis.crashGpu()
    }
    return ids
  }, crashes)
}

it('a stream goes on where it was when the GPU process of the browser crashes, and nothing is fetched again', async () => {
  const { page } = await openApp(context, site)
  await page.exposeFunction('crashGpu', await gpuCrash(page))
  await page.evaluate(async (endpoint) => {
    globalThis.recoveries = []
    const tokens = () => (globalThis as unknown as { tokens: () => number }).tokens()
    globalThis.engine = await globalThis.octavo.createEngine({
      model: 'test/tiny-GGUF:Q4_1',
      hub: { endpoint },
      onRecovery: ({ phase }) => globalThis.recoveries.push({ phase, tokens: tokens() }),
    })
  }, hub.endpoint)
  const undisturbed = await streamed(page, false)
  expect(undisturbed).toHaveLength(600)
  hub.log.length = 0
  expect(await streamed(page, true)).toEqual(undisturbed)
  expect(hub.log).toEqual([])
  const recoveries = await page.evaluate(() => globalThis.recoveries)
  expect(recoveries[0]!.phase).toBe('resolving')
  expect(recoveries.at(-1)!.phase).toBe('ready')
  for (const { tokens } of recoveries) expect(tokens).toBeLessThan(600)
  const { deviceLosses } = await page.evaluate(() => globalThis.engine.diagnostics())
  expect(deviceLosses).toHaveLength(1)
  await page.evaluate(() => globalThis.engine.unload())
})

it('the demo says that the GPU is lost, and goes on with the answer', async () => {
  const { page, complaints, crash } = await demoWithModel()
  await page.evaluate(() => {
    const state = document.getElementById('model-state')!
    const words: string[] = []
    new MutationObserver(() => words.push(state.textContent)).observe(state, { childList: true })
    Object.assign(globalThis, { words })
  })
  await page.getByRole('textbox', { name: 'Message' }).fill('hello there')
  await page.keyboard.press('Enter')
  const answer = page.getByRole('log').getByRole('article', { name: 'Answer' })
  await answer.locator('.markdown').getByText(/./).waitFor()
  await crash()
  await page.waitForFunction(() => document.getElementById('model-state')!.dataset.kind === 'recovering')
  const length = (await answer.textContent())!.length
  await page.getByText('ready', { exact: true }).waitFor()
  await page.waitForFunction(
    (before) => document.querySelector('[role=log] article:last-of-type')!.textContent.length > before,
    length,
  )
  const words = await page.evaluate(() => (globalThis as unknown as { words: string[] }).words)
  expect(words.filter((each) => !/^GPU lost, reload: \d+ %$/.test(each))).toEqual(['ready'])
  expect(await answer.getByRole('region', { name: 'Error' }).count()).toBe(0)
  expect(complaints).toEqual([])
})

it('the demo offers to load again where no GPU comes', async () => {
  const { page, complaints, crash } = await demoWithModel()
  await page.workers()[0]!.evaluate(() => {
    Object.assign(navigator.gpu, { requestAdapter: async () => null })
  })
  await crash()
  await page.getByRole('heading', { name: 'The browser took the GPU away' }).waitFor()
  await page.getByRole('button', { name: 'Load again' }).press('Enter')
  await page.getByText('ready', { exact: true }).waitFor()
  expect(complaints).toEqual([])
})
