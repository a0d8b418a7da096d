import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkEveryStep, type StepChecks } from '../../support/check-steps'
import { generate, generateAnswers, RecordingEngine } from '../../support/generate'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'
import { randomNumbers } from '../../support/tiny-model-tensors'

const streams = 1000
/** Open streams: far more than run at once, so that most are cancelled while they wait. */
const atOnce = 14
/** Steps between cancellations, so that answers grow meanwhile, and how many streams end then. */
const stepsBetween = 3
const cancelledAtOnce = 11

let checks: StepChecks
beforeAll(() => {
  checks = checkEveryStep()
})
afterAll(() => checks.stop())

const tiny = tinyModel()
const random = randomNumbers(11)
const below = (count: number) => Math.floor(count * random())
const text = (length: number) => Array.from({ length }, () => below(tiny.shape.vocab))

interface Stream {
  readonly cancel: () => void
  readonly end: Promise<unknown>
}

it('loses no block over a thousand cancelled streams, and other streams have the tokens that they have alone', async () => {
  const model = await loadModelBytes(tiny.file, { maxTokens: 320, maxSequences: 8, maxBatchTokens: 64 })
  const others = [text(20), text(70)].map((promptIds) => ({ promptIds, maxTokens: 40, priority: -1 }))
  const expected = []
  for (const other of others) expected.push(await generate(new RecordingEngine(model.runner), other))

  const engine = new RecordingEngine(model.runner)
  const beginnings = [text(64), text(96)]
  const seen = { nothing: 0, prefill: 0, tokens: 0 }
  /** Ends with its error; some cancel themselves between two of their events, the others are cancelled after a step. */
  const start = (): Stream => {
    const controller = new AbortController()
    // Some take a block, so that none is left when another sequence grows; some take several, and several steps.
    const promptIds = [...beginnings[below(2)]!.slice(0, below(2) * below(90)), ...text(1 + below(24))]
    // 0: cancels itself while its prompt is read.
    const mostTokens = Math.max(0, below(7) - 2)
    let state: keyof typeof seen = 'nothing'
    const cancel = () => {
      if (!controller.signal.aborted) seen[state] += 1
      controller.abort()
    }
    const stream = {
      promptIds,
      maxTokens: 60,
      signal: controller.signal,
      onPrefill: () => {
        state = 'prefill'
        if (mostTokens === 0) cancel()
      },
      onToken: (tokens: number) => {
        state = 'tokens'
        if (tokens === mostTokens) cancel()
      },
    }
    const answers = generateAnswers(engine, below(8) === 0 ? [stream, stream] : [stream])
    const end = Promise.allSettled(answers).then((settled) => {
      for (const each of settled)
        expect(each).toMatchObject({ status: 'rejected', reason: { code: 'aborted' } })
    })
    return { cancel, end }
  }

  const ends: Promise<unknown>[] = []
  /** Again and again while streams come and go. */
  const keep = async (other: (typeof others)[number]) => {
    const got = []
    while (ends.length < streams) got.push(await generate(engine, other))
    return got
  }
  const kept = Promise.all(others.map(keep))
  const open: Stream[] = []
  while (ends.length < streams) {
    while (open.length < atOnce) open.push(start())
    const steps = engine.steps.length + stepsBetween
    while (engine.steps.length < steps) await new Promise((resolve) => setTimeout(resolve))
    for (let i = 0; i < cancelledAtOnce; i++) {
      const [stream] = open.splice(below(open.length), 1)
      stream!.cancel()
      ends.push(stream!.end)
    }
    engine.checkIntegrity()
  }
  for (const { cancel, end } of open) {
    cancel()
    ends.push(end)
  }
  await Promise.all(ends)
  for (const [i, all] of (await kept).entries()) for (const got of all) expect(got).toEqual(expected[i])
  engine.checkIntegrity()
  expect(engine.stats()).toMatchObject({ runningSequences: 0, waitingSequences: 0, blocksInUse: 0 })
  for (const count of [seen.nothing, seen.prefill, seen.tokens]) expect(count).toBeGreaterThan(5)
  model.destroy()
})
