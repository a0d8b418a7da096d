import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { built, demo } from '../../scripts/built.ts'
import { type DemoServer, serveDemo } from '../../scripts/demo-server.ts'
import { tinyModel } from '../support/tiny-model.ts'
import { tinyModelFile } from './model-files.ts'
import { openPage, Profile } from './profile.ts'

/** Answers are bytes that are no text, each three tokens where the next question repeats it, and all tests ask on. */
const roomy = { contextLength: 8192 }

let server: DemoServer
let profile: Profile
let context: BrowserContext
let page: Page
let complaints: string[]
beforeAll(async () => {
  await built(demo)
  const file = await tinyModelFile(roomy)
  const model = { file, repo: 'test/tiny-GGUF', tag: 'Q4_1', license: 'none', origin: 'a test' }
  server = await serveDemo(model, 0)
  profile = await Profile.create()
})
beforeEach(async () => {
  context = await profile.open()
  ;({ page, complaints } = await openPage(context, server.url))
})
afterEach(() => context.close())
afterAll(async () => {
  await profile?.delete()
  await server?.close()
})

/** Loads the model by keyboard where it does not load by itself. */
async function ready(): Promise<void> {
  const load = page.getByRole('button', { name: 'Load model' })
  const state = page.getByText('ready', { exact: true })
  await load.or(state).first().waitFor()
  if (await load.isVisible()) await load.press('Enter')
  await state.waitFor({ timeout: 120_000 })
}

/** Asks and stops, or the answer ends by itself; what was asked earlier is still there after a reload. */
async function askAndStop(question = 'hello there'): Promise<void> {
  const answers = page.getByRole('log').getByRole('article', { name: 'Answer' })
  const before = await answers.count()
  await page.getByRole('textbox', { name: 'Message' }).press(question[0]!)
  await page.keyboard.type(question.slice(1))
  await page.keyboard.press('Enter')
  const answer = answers.nth(before)
  const ended = answer.getByRole('button', { name: 'Regenerate' })
  await answer.locator('.markdown').getByText(/./).or(ended).first().waitFor()
  if (await page.getByRole('button', { name: 'Stop', exact: true }).isVisible())
    await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Send' }).waitFor()
  expect(await answer.getByRole('region', { name: 'Error' }).allInnerTexts()).toEqual([])
}

async function seriousFaults(): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

for (const colorScheme of ['light', 'dark'] as const) {
  it(`axe finds no serious fault on any of the page's states, ${colorScheme}`, async () => {
    await page.emulateMedia({ colorScheme })
    await page.getByRole('button', { name: 'Load model' }).or(page.getByText('ready')).first().waitFor()
    expect(await seriousFaults()).toEqual([])
    await ready()
    await askAndStop()
    await page.getByRole('button', { name: 'Insight', exact: true }).click()
    expect(await seriousFaults()).toEqual([])
    await page.getByRole('button', { name: 'Settings', exact: true }).click()
    expect(await seriousFaults()).toEqual([])
    expect(complaints).toEqual([])
  })
}

it('everything that a person needs works by keyboard', async () => {
  await ready()
  const reached = new Set<string>()
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab')
    const name = await page.evaluate(() => {
      const element = document.activeElement
      return element?.getAttribute('aria-label') ?? element?.textContent?.trim() ?? ''
    })
    reached.add(name)
  }
  for (const name of ['Message', 'New chat', 'Insight', 'Settings']) expect([...reached]).toContain(name)
  await askAndStop()
  expect(
    await page.getByRole('textbox', { name: 'Message' }).evaluate((box) => box === document.activeElement),
  ).toBe(true)
})

it('a chat that was kept ready goes on after a reload without being read again, and is forgotten with it', async () => {
  const insight = page.getByRole('complementary', { name: 'Insight' })
  await ready()
  await page.getByRole('button', { name: 'New chat' }).click()
  await page.getByRole('button', { name: 'Insight', exact: true }).click()
  // Longer than a block: what this model answers is no text that would be tokenized alike again.
  await askAndStop('hello there, and there, and over there, and here')
  await insight.getByText(/^[1-9]\d* tokens kept on this device/).waitFor()

  await page.reload()
  await ready()
  await page.getByRole('button', { name: 'Insight', exact: true }).click()
  await insight.getByText(/^[1-9]\d* tokens brought back from this device$/).waitFor()
  await page.screenshot({ path: join(import.meta.dirname, '../../test-results/chat-brought-back.png') })
  await askAndStop()
  await insight.getByText(/tokens, [1-9]\d* of them read before/).waitFor()
  await insight.getByText(/^[1-9]\d* tokens kept on this device/).waitFor()

  const savedBefore = await savedConversations()
  const remove = page.getByRole('button', {
    name: 'Delete: hello there, and there, and over there, and here',
  })
  await remove.click()
  await remove.click()
  await expect.poll(savedConversations).toBe(savedBefore - 1)
  expect(complaints).toEqual([])
})

/** How many conversations lie in the browser's storage. */
function savedConversations(): Promise<number> {
  return page.evaluate(async () => {
    const opening = indexedDB.open('octavo-conversations')
    await new Promise((resolve) => opening.addEventListener('success', resolve))
    const counting = opening.result.transaction('conversations').objectStore('conversations').count()
    await new Promise((resolve) => counting.addEventListener('success', resolve))
    opening.result.close()
    return counting.result
  })
}

it('the parts of a model that are picked together are loaded as one', async () => {
  const names = ['mine-00001-of-00002.gguf', 'mine-00002-of-00002.gguf']
  const parts = tinyModel(roomy).parts(2)
  await page
    .getByLabel('Model files')
    .setInputFiles(names.map((name, i) => ({ name, mimeType: '', buffer: Buffer.from(parts[i]!) })))
  await page.locator('#model-name').getByText(names[0]!).waitFor()
  await page.getByText('ready', { exact: true }).waitFor({ timeout: 120_000 })
  await askAndStop()
  expect(complaints).toEqual([])
})

it('shows by keyboard where the time goes, kernel by kernel, also at 320 px', async () => {
  await ready()
  await page.getByRole('button', { name: 'Insight', exact: true }).press('Enter')
  await page.getByRole('button', { name: 'Profile kernels' }).press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Where the time goes' })
  await dialog.getByRole('status').getByText(/^Done/).waitFor({ timeout: 120_000 })
  for (const phase of ['Reading the prompt', 'Writing the answer']) {
    const table = dialog.getByRole('region', { name: `${phase}: kernels` }).getByRole('table')
    await table.getByRole('columnheader', { name: 'GB/s' }).waitFor()
    const draw = table.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'sample' }) })
    expect(await draw.getByRole('cell').nth(2).textContent()).toBe('1')
  }
  const pictures = join(import.meta.dirname, '../../test-results')
  await page.screenshot({ path: join(pictures, 'profile.png') })
  expect(await seriousFaults()).toEqual([])
  await page.setViewportSize({ width: 320, height: 740 })
  const sideways = await dialog.evaluate((panel) => panel.scrollWidth - panel.clientWidth)
  expect(sideways).toBeLessThanOrEqual(0)
  await page.screenshot({ path: join(pictures, 'profile-320.png') })

  await dialog.getByRole('button', { name: 'Profile again' }).press('Enter')
  await dialog.getByRole('button', { name: 'Stop' }).press('Enter')
  await dialog.getByRole('status').getByText('Stopped.').waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  await askAndStop()
  expect(complaints).toEqual([])
})

for (const width of [320, 360]) {
  it(`nothing scrolls sideways at ${width} px`, async () => {
    await page.setViewportSize({ width, height: 740 })
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    expect(await overflow()).toBeLessThanOrEqual(0)
    await ready()
    await askAndStop()
    expect(await overflow()).toBeLessThanOrEqual(0)
    await page.getByRole('button', { name: 'Settings', exact: true }).click()
    expect(await overflow()).toBeLessThanOrEqual(0)
  })
}
