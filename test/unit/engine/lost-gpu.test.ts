import { expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import { FakeRunner } from './fake-runner'
import { expected, generate, openEnded, request } from './generate'

it('an engine whose GPU is gone has an empty cache, counts on and takes requests for the next one', async () => {
  const engine = new Engine(new FakeRunner())
  const asked = request(openEnded(20))
  for (const _ of ['computed', 'found']) await generate(engine, asked)
  const before = engine.stats()
  expect(before.prefixHitTokens).toBeGreaterThan(0)
  engine.pause()
  expect(engine.stats()).toEqual({ ...before, cachedBlocks: 0, recovering: true })
  const waiting = generate(engine, asked)
  expect(engine.stats()).toMatchObject({ waitingSequences: 1, runningSequences: 0, steps: before.steps })
  engine.resume(new FakeRunner())
  expect((await waiting).ids).toEqual(expected(asked.promptIds, 20))
  expect(engine.stats()).toMatchObject({ prefixHitTokens: before.prefixHitTokens, recovering: false })
  engine.checkIntegrity()
})

it('a generation that the next GPU has no room for ends, and no other', async () => {
  const engine = new Engine(new FakeRunner())
  const [short, long] = [request(openEnded(20)), request(openEnded(90), { maxTokens: 90 })]
  let seen = 0
  const lost = () => {
    if (++seen === 6) engine.pause()
  }
  const all = [generate(engine, short, undefined, lost), generate(engine, long)]
  const failure = expect(all[1]).rejects.toMatchObject({ code: 'context-too-long' })
  while (!engine.stats().recovering) await new Promise((resolve) => setImmediate(resolve))
  engine.resume(new FakeRunner({ maxContext: 40, blocks: 10 }))
  await failure
  expect((await all[0])!.ids).toEqual(expected(short.promptIds, 20))
  engine.checkIntegrity()
})
