import { expect, it } from 'vitest'
import { createEngine, type LoadProgress } from '../../../src/index'

/** Loads the tiny model from the local Hub of the test page's server; gives the first ids of an answer. */
async function answer(): Promise<{ ids: readonly number[]; last: LoadProgress }> {
  const reports: LoadProgress[] = []
  const engine = await createEngine({
    model: 'test/tiny-GGUF:Q4_1',
    hub: { endpoint: `${location.origin}/hub` },
    onProgress: (report) => reports.push(report),
  })
  const stream = await engine.completions.create({
    prompt: 'hello there',
    max_tokens: 8,
    temperature: 0,
    ignore_eos: true,
    stream: true,
    return_token_ids: true,
  })
  const ids: number[] = []
  for await (const { choices } of stream) ids.push(...(choices[0]?.token_ids ?? []))
  await engine.unload()
  return { ids, last: reports.at(-1)! }
}

it('the engine answers from its worker, and again from what this browser has stored', async () => {
  const first = await answer()
  expect(first.ids).toHaveLength(8)
  expect(first.last).toMatchObject({ phase: 'ready', storedBytes: 0 })
  const second = await answer()
  expect(second.ids).toEqual(first.ids)
  expect(second.last.storedBytes).toBe(first.last.totalBytes)
})
