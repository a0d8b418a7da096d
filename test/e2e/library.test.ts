import type { BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HubServer } from '../support/hub-server.ts'
import { createEngine, firstTokens, openApp } from './library-page.ts'
import { LibrarySite } from './library-site.ts'
import { tinyRepo } from './model-files.ts'
import { Profile } from './profile.ts'

let hub: HubServer
let site: LibrarySite
let profile: Profile
let context: BrowserContext
beforeAll(async () => {
  hub = await HubServer.start({ repos: [await tinyRepo()] })
  site = await LibrarySite.start()
  profile = await Profile.create()
  context = await profile.open()
})
afterAll(async () => {
  await profile?.delete()
  await site?.close()
  await hub?.close()
})

async function app(): Promise<Page> {
  const { page, complaints } = await openApp(context, site)
  await createEngine(page, hub.endpoint)
  expect(complaints).toEqual([])
  return page
}

it('a plain module script runs the library from a subfolder of another origin, worker and shaders included', async () => {
  const page = await app()
  expect(new URL(site.library).origin).not.toBe(new URL(page.url()).origin)
  expect(page.workers().map((worker) => worker.url().split(':')[0])).toEqual(['blob'])
  expect(await firstTokens(page)).toHaveLength(4)
  await page.evaluate(() => globalThis.engine.unload())
  await page.close()
})

const deaths: Readonly<Record<string, () => void>> = {
  'was ended by the browser': () => globalThis.close(),
  'threw outside of any call': () => {
    setTimeout(() => {
      throw new Error('the worker broke')
    })
  },
}

for (const [how, die] of Object.entries(deaths)) {
  it(`a worker that ${how} rejects what is pending, and what is asked later`, async () => {
    const page = await app()
    await page.evaluate(() => {
      const whole = { prompt: 'hello there', max_tokens: 400, ignore_eos: true }
      const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error)
      const pending = globalThis.engine.completions.create(whole).then(() => 'answered', codeOf)
      Object.assign(globalThis, { pending, codeOf })
    })
    await page.workers()[0]!.evaluate(die)
    const codes = await page.evaluate(async () => {
      const { pending, codeOf } = globalThis as unknown as {
        pending: Promise<string>
        codeOf: (error: unknown) => string
      }
      return [await pending, await globalThis.engine.stats().then(() => 'answered', codeOf)]
    })
    expect(codes).toEqual(['worker-died', 'worker-died'])
    await page.close()
  })
}
