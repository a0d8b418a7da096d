import { expect, it } from 'vitest'
import type { LoadModelOptions } from '../../../src/model/load'
import { ModelLoader, recoveryOf } from '../../../src/worker/model-loader'
import type { LoadReport, LoadRequest } from '../../../src/worker/protocol'
import { tinyModel } from '../../support/tiny-model'

const request: LoadRequest = {
  model: [{ name: 'tiny-Q4_1.gguf', blob: new Blob([tinyModel().file]) }],
  hub: { endpoint: 'https://huggingface.co', token: null },
  floatWeights: null,
  kvCache: { format: 'f16', maxTokens: null },
  conversations: { maxBytes: 0 },
  invariance: 'on',
  tune: 'full',
  precision: 'exact',
  maxSequences: 2,
  maxWaiting: 8,
  tokenBudget: 64,
}

/** A loader on a GPU that counts the bytes it gets; `fails` says whether its check does. */
function setUp(fails = () => false) {
  const reports: LoadReport[] = []
  const asked: LoadModelOptions[] = []
  const destroyed: number[] = []
  const loader = new ModelLoader(
    {} as GPU,
    request,
    (report) => reports.push(report),
    new AbortController().signal,
  )
  const begin = async (options: LoadModelOptions) => {
    const load = asked.push(options)
    let bytes = 0
    return {
      sink: {
        write: async (_: number, piece: Uint8Array) => {
          bytes += piece.length
        },
      },
      finish: async () => {
        if (fails()) throw new Error('it computes wrongly')
        return bytes
      },
      destroy: () => destroyed.push(load),
    }
  }
  return { loader, begin, reports, asked, destroyed }
}

it('loads a model again with a cache as large as it had, no new timings, and reports of its own', async () => {
  const { loader, begin, reports, asked, destroyed } = setUp()
  const opened = await loader.open()
  const bytes = await loader.load(opened, begin)
  expect(bytes).toBeGreaterThan(10_000)
  expect(asked[0]).toMatchObject({ kvCache: { maxTokens: null }, tactics: { tune: 'full' } })
  const loads = reports.length
  const recovery = recoveryOf(loader, { content: opened.content, cacheTokens: 320 }, begin)
  for (const _ of ['once', 'and again']) expect(await recovery.loadAgain()).toBe(bytes)
  for (const again of asked.slice(1)) {
    const { kvCache, tactics, ...rest } = again
    expect(kvCache).toEqual({ format: 'f16', maxTokens: 320 })
    expect(tactics!.tune).toBe('cached')
    expect(rest).toMatchObject({ maxSequences: 2, maxBatchTokens: 64, invariance: 'on', precision: 'exact' })
  }
  recovery.onFailed()
  expect(reports.map(({ recovering }) => recovering)).toEqual(reports.map((_, i) => i >= loads))
  expect(reports.slice(0, loads).map(({ phase }) => phase)).not.toContain('ready')
  expect(reports.slice(-2).map(({ phase }) => phase)).toEqual(['ready', 'failed'])
  expect(destroyed).toEqual([])
})

it('gives an encoder the room that the request asks for', async () => {
  const { loader, begin, asked } = setUp()
  const { content } = await loader.open()
  await recoveryOf(loader, { content, cacheTokens: null }, begin).loadAgain()
  expect(asked[0]!.kvCache.maxTokens).toBe(null)
})

it('does not load other content in its place', async () => {
  const { loader, begin, asked } = setUp()
  const recovery = recoveryOf(loader, { content: 'another', cacheTokens: 320 }, begin)
  await expect(recovery.loadAgain()).rejects.toMatchObject({ code: 'not-found' })
  expect(asked).toEqual([])
})

it('lets go of the GPU where a load fails', async () => {
  const { loader, begin, destroyed } = setUp(() => true)
  await expect(loader.load(await loader.open(), begin)).rejects.toThrow('computes wrongly')
  expect(destroyed).toEqual([1])
})
