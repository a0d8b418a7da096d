import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { chatFiles, fileSize } from '../../scripts/library-size.ts'
import { chatKb } from '../../scripts/size-budgets.ts'
import type { CausalGolden } from '../support/arch-golden.ts'
import { HubServer } from '../support/hub-server.ts'
import { tinySafetensorsRepo } from '../support/tiny-repo.ts'
import { createEngine, firstTokens, openApp } from './library-page.ts'
import { LibrarySite } from './library-site.ts'
import { tinyRepo } from './model-files.ts'
import { Profile } from './profile.ts'

const golden = join(import.meta.dirname, '../golden/arch')
/** Reference models that need parts of the library that a llama does not, by the files of these. */
const needs: Readonly<Record<string, readonly string[]>> = {
  lfm2: ['families', 'recurrent', 'safetensors'],
  'deepseek-v3': ['experts', 'families', 'latent', 'safetensors'],
  gemma3n: ['families', 'safetensors', 'streams'],
}

let hub: HubServer
let site: LibrarySite
let profile: Profile
let context: BrowserContext
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'octavo-parts-'))
  const tokenizer = JSON.parse(new TextDecoder().decode(tinySafetensorsRepo()['tokenizer.json']))
  // The reference models have rows for bytes and no others.
  const bytesOnly = new TextEncoder().encode(JSON.stringify({ ...tokenizer, added_tokens: [] }))
  const repos = Object.keys(needs).map((name) => {
    const texts = {
      'config.json': readFileSync(join(golden, name, 'config.json')),
      'model.safetensors': gunzipSync(readFileSync(join(golden, name, 'model.safetensors.gz'))),
      'tokenizer.json': bytesOnly,
    }
    const files = Object.entries(texts).map(([path, bytes]) => {
      const file = join(folder, `${name}-${path}`)
      writeFileSync(file, bytes)
      return [path, file]
    })
    return { repo: `test/${name}`, files: Object.fromEntries(files) }
  })
  hub = await HubServer.start({ repos: [...repos, await tinyRepo()] })
  site = await LibrarySite.start()
  profile = await Profile.create()
  context = await profile.open()
})
afterAll(async () => {
  await profile?.delete()
  await site?.close()
  await hub?.close()
})

/** A page, and what of the library it fetches from now on. */
async function app(): Promise<{ page: Page; fetched: Set<string>; complaints: string[] }> {
  site.served.clear()
  return { ...(await openApp(context, site)), fetched: site.served }
}

it('a llama from GGUF needs the page’s script and the worker’s, within the budget of a chat, once its kernels are proven', async () => {
  const first = await app()
  await createEngine(first.page, hub.endpoint)
  expect(await firstTokens(first.page)).toHaveLength(4)
  expect([...first.fetched].sort()).toEqual(['index.js', 'worker-proof.js', 'worker.js'])
  await first.page.close()
  const { page, fetched, complaints } = await app()
  await createEngine(page, hub.endpoint)
  expect(await firstTokens(page)).toHaveLength(4)
  expect([...fetched].sort()).toEqual([...chatFiles])
  const sizes = await Promise.all([...fetched].map((name) => fileSize(site.folder, name)))
  expect(sizes.reduce((sum, { gzipped }) => sum + gzipped, 0) / 1000).toBeLessThan(chatKb)
  await page.evaluate(() => globalThis.engine.profile({ promptTokens: 4, tokens: 2 }))
  expect([...fetched].sort()).toEqual(['index.js', 'worker-profile.js', 'worker.js'])
  expect([...first.complaints, ...complaints]).toEqual([])
  await page.close()
})

for (const [name, parts] of Object.entries(needs)) {
  it(`${name} fetches ${parts.join(', ')} and writes as its reference does`, async () => {
    const { page, fetched, complaints } = await app()
    const { sequences }: CausalGolden = JSON.parse(
      gunzipSync(readFileSync(join(golden, name, 'golden.json.gz'))).toString(),
    )
    const { input_ids: prompt, greedy } = sequences[0]!
    expect(await idsAfter(page, name, prompt)).toEqual(greedy.slice(0, 3))
    expect([...fetched].sort()).toEqual(
      ['index.js', ...[...parts, 'cases', 'proof'].map((part) => `worker-${part}.js`), 'worker.js'].sort(),
    )
    expect(complaints).toEqual([])
    await page.close()
  })
}

it('a part that cannot be fetched fails the load with an error, and is asked for again by the next', async () => {
  const { page, fetched } = await app()
  const { input_ids: prompt, greedy } = JSON.parse(
    gunzipSync(readFileSync(join(golden, 'lfm2/golden.json.gz'))).toString(),
  ).sequences[0]
  site.missing = 'worker-families.js'
  const error = await idsAfter(page, 'lfm2', prompt).catch(String)
  site.missing = null
  expect(error).toContain('network: The part of Octavo for more families of models could not be fetched.')
  expect(fetched.has('worker-recurrent.js')).toBe(false)
  expect(await idsAfter(page, 'lfm2', prompt)).toEqual(greedy.slice(0, 3))
  await page.close()
})

/** Greedy ids after a prompt of the model; an error's code comes before its message. */
function idsAfter(page: Page, name: string, prompt: readonly number[]): Promise<readonly number[]> {
  return page.evaluate(
    async ({ model, endpoint, prompt }) => {
      const { createEngine, OctavoError } = globalThis.octavo
      const named = (error: unknown): never => {
        throw error instanceof OctavoError ? new Error(`${error.code}: ${error.message}`) : error
      }
      const engine = await createEngine({
        model,
        hub: { endpoint },
        floatWeights: 'exact',
        kvCache: { maxTokens: 128 },
      }).catch(named)
      const { choices } = await engine.completions.create({
        prompt: [...prompt],
        max_tokens: 3,
        temperature: 0,
        ignore_eos: true,
        return_token_ids: true,
      })
      await engine.unload()
      return choices[0]!.token_ids!
    },
    { model: `test/${name}`, endpoint: hub.endpoint, prompt },
  )
}
