import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { built, demo } from '../../scripts/built.ts'
import { serveDemo } from '../../scripts/demo-server.ts'
import { encoderModel } from '../../scripts/model.ts'
import { HubServer } from '../support/hub-server.ts'
import { createEngine, openApp } from './library-page.ts'
import { LibrarySite } from './library-site.ts'
import { tinyModelFile, tinyRepo } from './model-files.ts'
import { openPage, Profile } from './profile.ts'

const repo = 'sentence-transformers/all-MiniLM-L6-v2'
const paths = [
  ...['model.safetensors', 'config.json', 'tokenizer.json', 'tokenizer_config.json', 'modules.json'],
  ...['1_Pooling/config.json', 'sentence_bert_config.json', 'config_sentence_transformers.json'],
]
const golden: {
  readonly texts: readonly { readonly text: string; readonly embedding: readonly number[] }[]
} = JSON.parse(readFileSync(join(import.meta.dirname, '../golden/minilm/embeddings.json'), 'utf8'))
/** Short ones, for slow adapters. */
const texts = golden.texts.slice(14, 18)

let hub: HubServer
let site: LibrarySite
let profile: Profile
let context: BrowserContext
beforeAll(async () => {
  const folder = dirname((await encoderModel()).file)
  const files = Object.fromEntries(paths.map((path) => [path, join(folder, path)]))
  hub = await HubServer.start({ repos: [{ repo, files }, await tinyRepo()] })
  site = await LibrarySite.start()
  profile = await Profile.create()
  context = await profile.open()
})
afterAll(async () => {
  await profile?.delete()
  await site?.close()
  await hub?.close()
})

/** The package as a script that a page without a bundler can run. */
async function openaiScript(): Promise<string> {
  const { build } = await import('vite')
  const entry = createRequire(import.meta.url).resolve('openai')
  const output = await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, lib: { entry, formats: ['iife'], name: 'openaiPackage', fileName: 'openai' } },
  })
  const [bundle] = Array.isArray(output) ? output : [output]
  if (!bundle || !('output' in bundle)) throw new Error('Vite made no bundle of the package openai')
  return bundle.output[0].code
}

async function codeOf(page: Page, call: string): Promise<string> {
  return page.evaluate(
    `(async () => { const { engine } = globalThis; try { await ${call}; return 'answered' } catch (error) { return error.code } })()`,
  ) as Promise<string>
}

const calls = {
  chat: "engine.chat.completions.create({ messages: [{ role: 'user', content: 'Hi' }] })",
  completion: "engine.completions.create({ prompt: 'Hi' })",
  saving: "engine.saveConversation('mine')",
  restoring: "engine.restoreConversation('mine')",
  embedding: "engine.embeddings.create({ input: 'Hi' })",
  ranking: "engine.rerank({ query: 'Hi', documents: ['Ho'] })",
}

it('a page makes vectors and ranks texts with a repo’s embedding model, and by the package openai', async () => {
  const { page, complaints } = await openApp(context, site)
  await page.addScriptTag({ content: await openaiScript() })
  const said = await page.evaluate(
    async ({ model, endpoint, input }) => {
      const options = { model, hub: { endpoint }, floatWeights: 'exact' } as const
      const { gpu } = await globalThis.octavo.inspectModel(model, options)
      const engine = await globalThis.octavo.createEngine(options)
      globalThis.engine = engine
      const { OpenAI } = (globalThis as unknown as { openaiPackage: typeof import('openai') }).openaiPackage
      const client = new OpenAI({
        baseURL: 'http://octavo/v1',
        apiKey: 'none',
        fetch: engine.fetch,
        dangerouslyAllowBrowser: true,
        maxRetries: 0,
      })
      const ranking = { query: input[1]!, documents: input, top_n: 2 }
      const post = { method: 'POST', body: JSON.stringify(ranking) }
      return {
        foretoldBytes: gpu?.bytes ?? 0,
        gpuBytes: engine.info.gpuBytes,
        encoder: engine.info.encoder,
        own: await engine.embeddings.create({ input }),
        byClient: await client.embeddings.create({ input, model: 'any' }),
        halves: await client.embeddings.create({ input: input[0]!, model: 'any', dimensions: 192 }),
        ranked: await engine.rerank(ranking),
        byFetch: (await (
          await engine.fetch(new Request('http://octavo/v1/rerank', post))
        ).json()) as import('octavo').RerankResponse,
        refused: await client.chat.completions
          .create({ model: 'any', messages: [{ role: 'user', content: 'Hi' }] })
          .then(
            () => 'answered',
            (error: { status: number; code: string }) => `${error.status} ${error.code}`,
          ),
      }
    },
    { model: repo, endpoint: hub.endpoint, input: texts.map(({ text }) => text) },
  )
  expect(said.foretoldBytes / said.gpuBytes).toBeCloseTo(1, 1)
  expect(said.encoder).toMatchObject({ task: 'embed', dimensions: 384, maxTokens: 256 })
  for (const [i, { embedding }] of texts.entries()) {
    const got = said.own.data[i]!.embedding
    expect(got).toHaveLength(embedding.length)
    for (const [at, value] of embedding.entries()) expect(Math.abs(got[at]! - value)).toBeLessThan(1e-4)
  }
  expect(said.byClient.data).toEqual(said.own.data)
  expect(Math.hypot(...said.halves.data[0]!.embedding)).toBeCloseTo(1, 6)
  expect(said.halves.data[0]!.embedding).toHaveLength(192)
  // A text is nearest to itself.
  expect(said.ranked.results[0]).toMatchObject({ index: 1, relevance_score: expect.closeTo(1, 5) })
  expect(said.ranked.results).toHaveLength(2)
  expect(said.byFetch.results).toEqual(said.ranked.results)
  expect(said.refused).toBe('400 unsupported-architecture')

  for (const call of [calls.chat, calls.completion, calls.saving, calls.restoring])
    expect(await codeOf(page, call), call).toBe('unsupported-architecture')
  const refusals: readonly (readonly [fields: string, code: string])[] = [
    ["input: 'Hi', dimensions: 385", 'invalid-request'],
    ['input: []', 'invalid-request'],
    ['input: [[]]', 'invalid-request'],
    ["input: 'word '.repeat(300)", 'context-too-long'],
    ['input: [30522]', 'invalid-request'],
    ["input: 'Hi', prompt_name: 'query'", 'invalid-request'],
    ["input: 'Hi', truncate_prompt_tokens: 257", 'invalid-request'],
  ]
  for (const [fields, code] of refusals)
    expect(await codeOf(page, `engine.embeddings.create({ ${fields} })`), fields).toBe(code)
  await page.evaluate(() => globalThis.engine.unload())
  for (const call of [calls.embedding, calls.ranking]) expect(await codeOf(page, call), call).toBe('unloaded')
  expect(complaints).toEqual([])
  await page.close()
})

it('a model that writes makes no vectors and ranks nothing', async () => {
  const { page, complaints } = await openApp(context, site)
  await createEngine(page, hub.endpoint)
  for (const call of [calls.embedding, calls.ranking])
    expect(await codeOf(page, call), call).toBe('unsupported-architecture')
  expect(complaints).toEqual([])
  await page.close()
})

it('the demo says of an embedding model that it does not chat', async () => {
  await built(demo)
  const file = await tinyModelFile()
  const offered = { file, repo: 'test/tiny-GGUF', tag: 'Q4_1', license: 'none', origin: 'a test' }
  const server = await serveDemo(offered, 0)
  try {
    const address = new URL(server.url)
    address.search = new URLSearchParams({ model: repo, endpoint: hub.endpoint }).toString()
    const { page } = await openPage(context, address.href)
    await page.getByRole('heading', { name: 'This model cannot be used here' }).waitFor()
    await page.getByText('This model makes vectors of texts and does not chat.', { exact: true }).waitFor()
    await page.screenshot({ path: join(import.meta.dirname, '../../test-results/embedding-model.png') })
    await page.close()
  } finally {
    await server.close()
  }
})
