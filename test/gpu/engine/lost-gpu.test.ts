import { afterEach, beforeEach, expect, it } from 'vitest'
import { createEngine, type Engine, type RecoveryProgress } from '../../../src/index'
import { LosableGpu } from '../../support/losable-gpu'

let losable: LosableGpu
let recoveries: RecoveryProgress['phase'][]
let engine: Engine
beforeEach(async () => {
  losable = new LosableGpu(navigator.gpu)
  recoveries = []
  const response = await fetch('/hub/test/tiny-GGUF/resolve/main/tiny-Q4_1.gguf')
  engine = await createEngine({
    model: new File([await response.arrayBuffer()], 'tiny-Q4_1.gguf'),
    gpu: losable.gpu,
    maxSequences: 2,
    onRecovery: ({ phase }) => recoveries.push(phase),
  })
})
afterEach(() => engine.unload())

interface Drawn {
  readonly id: number
  readonly logprob: number
}

/** An answer of 24 tokens; `onToken` hears of each. */
async function answer(
  prompt: string,
  temperature: number,
  onToken?: (count: number) => void,
): Promise<Drawn[]> {
  const stream = await engine.completions.create({
    prompt,
    max_tokens: 24,
    temperature,
    seed: 7,
    frequency_penalty: 0.5,
    ignore_eos: true,
    logprobs: 0,
    stream: true,
    return_token_ids: true,
  })
  const drawn: Drawn[] = []
  for await (const { choices } of stream) {
    const { token_ids: ids = [], logprobs } = choices[0] ?? {}
    for (const [i, id] of (ids ?? []).entries()) {
      drawn.push({ id, logprob: logprobs!.token_logprobs[i]! })
      onToken?.(drawn.length)
    }
  }
  return drawn
}

/** More of them than run at once, so that one waits. */
const answers = (onToken?: (count: number) => void) =>
  Promise.all([
    answer('hello there', 0, onToken),
    answer('once upon a time there was a king who had three daughters', 1),
    answer('hello there', 1),
  ])

it('answers go on on another GPU where they were, with the bits that they have without', async () => {
  const { blocks } = await engine.stats()
  const undisturbed = await answers()
  let later: Promise<Drawn[]> | null = null
  const disturbed = await answers((count) => {
    if (count !== 6) return
    losable.lose()
    later = answer('hello there', 0)
  })
  expect(disturbed).toEqual(undisturbed)
  expect(await later).toEqual(undisturbed[0])
  expect(losable.devices).toHaveLength(2)
  expect(recoveries[0]).toBe('resolving')
  expect(recoveries.at(-1)).toBe('ready')
  expect(await engine.stats()).toMatchObject({
    runningSequences: 0,
    blocksInUse: 0,
    blocks,
    recovering: false,
  })
  const { deviceLosses, variants } = await engine.diagnostics()
  expect(deviceLosses).toHaveLength(1)
  expect(deviceLosses[0]!.reason).toContain('took the GPU away')
  expect(deviceLosses[0]!.recoveredAfterMs).toBeGreaterThan(0)
  expect(variants.dropped).toEqual([])
})

it('a GPU that goes while nothing runs is there again for the next request', async () => {
  const before = await answer('hello there', 0)
  losable.lose()
  expect(await answer('hello there', 0)).toEqual(before)
  expect((await engine.diagnostics()).deviceLosses).toHaveLength(1)
})

it('a profile tells that the GPU was lost while it was taken, and can be taken on the one that came', async () => {
  const during = async () => {
    losable.lose()
    await answer('hello there', 0)
  }
  expect((await engine.profile({ during })).whyNoTimes).toContain('was lost')
  const { phases } = await engine.profile({ promptTokens: 8, tokens: 2 })
  expect(phases.map(({ phase }) => phase)).toContain('decode')
})
