import { statSync } from 'node:fs'
import type { BrowserContext } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HubServer } from '../support/hub-server.ts'
import { createEngine, firstTokens, openApp } from './library-page.ts'
import { LibrarySite } from './library-site.ts'
import { longDownload, tinyRepo } from './model-files.ts'
import { Profile } from './profile.ts'

let hub: HubServer
let site: LibrarySite
let profile: Profile
let fileBytes: number
beforeAll(async () => {
  const repo = await tinyRepo(longDownload)
  fileBytes = statSync(Object.values(repo.files)[0]!).size
  hub = await HubServer.start({ repos: [repo] })
  site = await LibrarySite.start()
  profile = await Profile.create()
})
afterAll(async () => {
  await profile?.delete()
  await site?.close()
  await hub?.close()
})

const bytesAsked = () => hub.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)
/** The header is read before it is known what is there. */
const headerBytes = 4 * 1024 * 1024

it('a page that dies during the download fetches only what was missing when it loads again, and offline nothing', async () => {
  const dying = await killedInTheMiddle(await profile.open())
  expect(dying).toBeGreaterThan(0)
  expect(dying).toBeLessThan(fileBytes)

  hub.log.length = 0
  hub.heal()
  const again = await openApp(await profile.open(), site)
  const { storedBytes, totalBytes } = await createEngine(again.page, hub.endpoint)
  expect(storedBytes).toBeGreaterThan(0)
  expect(bytesAsked()).toBeGreaterThan(0)
  expect(bytesAsked()).toBeLessThanOrEqual(totalBytes - storedBytes + headerBytes)
  const tokens = await firstTokens(again.page)
  expect(again.complaints).toEqual([])

  hub.log.length = 0
  const { endpoint, cdnOrigin } = hub
  const context = await profile.open()
  for (const origin of [endpoint, cdnOrigin]) await context.route(`${origin}/**`, (route) => route.abort())
  await hub.close()
  const offline = await openApp(context, site)
  const fromDevice = await createEngine(offline.page, endpoint)
  expect(fromDevice.storedBytes).toBe(fromDevice.totalBytes)
  expect(await firstTokens(offline.page)).toEqual(tokens)
  expect(hub.log).toEqual([])
})

/** Kills the page's process when a third has come; gives the bytes that had come. */
async function killedInTheMiddle(context: BrowserContext): Promise<number> {
  hub.delay(1500)
  const { page } = await openApp(context, site)
  await page.evaluate((endpoint) => {
    globalThis.progress = []
    const { createEngine } = globalThis.octavo
    const onProgress = (report: import('octavo').LoadProgress) => globalThis.progress.push(report)
    createEngine({ model: 'test/tiny-GGUF:Q4_1', hub: { endpoint }, onProgress }).catch(() => undefined)
  }, hub.endpoint)
  const third = fileBytes / 3
  await page.waitForFunction((bytes) => (globalThis.progress.at(-1)?.loadedBytes ?? 0) > bytes, third)
  const loaded = await page.evaluate(() => globalThis.progress.at(-1)!.loadedBytes)
  const crashed = page.waitForEvent('crash')
  const devtools = await context.newCDPSession(page)
  devtools.send('Page.crash').catch(() => undefined)
  await crashed
  return loaded
}
