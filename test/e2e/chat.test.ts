import { join } from 'node:path'
import type { BrowserContext, Locator, Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openPage, Profile, slowMs } from './profile.ts'
import { npmStart, type StartedServer } from './start-server.ts'

const pictures = join(import.meta.dirname, '../../test-results')

let server: StartedServer
let profile: Profile
let context: BrowserContext
beforeAll(async () => {
  server = await npmStart()
  profile = await Profile.create()
  context = await profile.open()
})
afterAll(async () => {
  await profile?.delete()
  await server?.stop()
})

/** Asks, and gives the place of the answer. */
async function ask(page: Page, question: string): Promise<Locator> {
  const answers = page.getByRole('log').getByRole('article', { name: 'Answer' })
  const before = await answers.count()
  await page.getByRole('textbox', { name: 'Message' }).fill(question)
  await page.getByRole('button', { name: 'Send' }).click()
  return answers.nth(before).locator('.markdown')
}

/** Reads the answer's text until it is good, and gives all that was to be read on the way. */
async function watch(answer: Locator, good: (texts: readonly string[]) => boolean): Promise<string[]> {
  const texts: string[] = []
  for (const until = Date.now() + slowMs; Date.now() < until; ) {
    const text = ((await answer.textContent()) ?? '').trim()
    if (text !== '' && text !== texts.at(-1)) texts.push(text)
    if (good(texts)) return texts
    await answer.page().waitForTimeout(100)
  }
  throw new Error(`the answer did not come; it was: ${texts.join(' → ')}`)
}

const hasBegun = (texts: readonly string[]) => texts.length > 0

it('a person opens the page, loads, asks, watches it stream, stops, asks again, reloads and asks', async () => {
  const { page, complaints } = await openPage(context, server.url)
  await page.getByText('98 MB').waitFor()
  await page.getByRole('button', { name: 'Load model' }).click()
  await page.getByRole('progressbar').waitFor()
  await page.getByText('ready', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByRole('slider', { name: 'Temperature' }).fill('0')
  await page.getByRole('button', { name: 'Close settings' }).click()

  const capital = await ask(page, 'What is the capital of France?')
  const texts = await watch(capital, (seen) => seen.at(-1)?.includes('Paris') ?? false)
  expect(texts.length).toBeGreaterThan(2)
  for (const [i, text] of texts.slice(1).entries()) expect(text.startsWith(texts[i]!.slice(0, -1))).toBe(true)
  await page
    .getByRole('button', { name: 'Stop' })
    .or(page.getByRole('button', { name: 'Send' }))
    .waitFor()
  if (await page.getByRole('button', { name: 'Stop' }).isVisible()) await page.keyboard.press('Escape')

  const story = await ask(page, 'Tell me a long story about the sea.')
  await watch(story, hasBegun)
  await page.screenshot({ path: join(pictures, 'chat-streaming.png') })
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('Stopped.').last().waitFor()
  const stopped = await story.textContent()
  await page.waitForTimeout(5000)
  expect(await story.textContent()).toBe(stopped)

  await page.getByRole('button', { name: 'New chat' }).click()
  await watch(await ask(page, 'Say hello.'), hasBegun)

  await page.reload()
  await page.getByText('ready', { exact: true }).waitFor()
  await watch(await ask(page, 'Name a colour.'), hasBegun)
  await page.screenshot({ path: join(pictures, 'chat.png') })
  expect(complaints).toEqual([])
})

it('Ctrl-C ends the server of npm start', async () => {
  expect(await server.stop()).toBe(0)
})
