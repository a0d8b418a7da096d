import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HubServer } from '../support/hub-server.ts'
import { tinyGolden, tinySafetensorsRepo } from '../support/tiny-repo.ts'
import { openApp } from './library-page.ts'
import { LibrarySite } from './library-site.ts'
import { Profile } from './profile.ts'

const repo = 'test/tiny'
const files = tinySafetensorsRepo()
let hub: HubServer
let site: LibrarySite
let profile: Profile
let context: BrowserContext
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'octavo-repo-'))
  const paths = Object.entries(files).map(([path, bytes]) => {
    writeFileSync(join(folder, path), bytes)
    return [path, join(folder, path)]
  })
  hub = await HubServer.start({ repos: [{ repo, files: Object.fromEntries(paths) }] })
  site = await LibrarySite.start()
  profile = await Profile.create()
  context = await profile.open()
})
afterAll(async () => {
  await profile?.delete()
  await site?.close()
  await hub?.close()
})

/** What a load and two requests gave. */
interface Said {
  readonly storedBytes: number
  readonly totalBytes: number
  /** Greedy ids after the reference's first sequence. */
  readonly ids: readonly number[]
  /** A chat's answer. */
  readonly text: string
  readonly promptTokens: number
}

/** Loads the model, by its name or as picked files, and lets it answer. */
function answers(page: Page, model: string | readonly string[]): Promise<Said> {
  const { input_ids: prompt, greedy } = tinyGolden.sequences[0]!
  return page.evaluate(
    async ({ model, endpoint, prompt, tokens }) => {
      const fetched = async (path: string) =>
        new File([await (await fetch(`${endpoint}/test/tiny/resolve/main/${path}`)).blob()], path)
      let progress = { storedBytes: 0, totalBytes: 0 }
      const engine = await globalThis.octavo.createEngine({
        model: typeof model === 'string' ? model : await Promise.all(model.map(fetched)),
        hub: { endpoint },
        // As the reference computed it.
        floatWeights: 'f16',
        kvCache: { format: 'f32' },
        onProgress: ({ storedBytes, totalBytes }) => {
          progress = { storedBytes, totalBytes }
        },
      })
      const common = { max_tokens: tokens, temperature: 0, ignore_eos: true, return_token_ids: true } as const
      const completion = await engine.completions.create({ prompt, ...common })
      const messages = [{ role: 'user', content: 'hello' }] as const
      const chat = await engine.chat.completions.create({ messages: [...messages], ...common })
      await engine.unload()
      return {
        ...progress,
        ids: completion.choices[0]!.token_ids!,
        text: chat.choices[0]!.message.content ?? '',
        promptTokens: chat.usage!.prompt_tokens,
      }
    },
    { model, endpoint: hub.endpoint, prompt: [...prompt], tokens: greedy.length },
  )
}

it('a safetensors repo in shards answers as the reference does, from the Hub and as picked files', async () => {
  const { page, complaints } = await openApp(context, site)
  const weights = Object.entries(files).filter(([path]) => path.endsWith('.safetensors'))
  const totalBytes = weights.reduce((sum, [, { length }]) => sum + length, 0)
  const first = await answers(page, repo)
  expect(first).toMatchObject({ storedBytes: 0, totalBytes, ids: tinyGolden.sequences[0]!.greedy })
  // <|user|>hello<|end|><|model|>
  expect(first.promptTokens).toBe(8)
  expect(first.text.length).toBeGreaterThan(0)

  expect(await answers(page, Object.keys(files))).toEqual(first)
  expect(complaints).toEqual([])
  await page.close()
})
