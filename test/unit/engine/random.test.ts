import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Engine } from '../../../src/engine/engine'
import type { GenerationRequest, TokenConstraint } from '../../../src/engine/generation'
import type { RunnerLimits } from '../../../src/model/step'
import { OctavoError } from '../../../src/util/octavo-error'
import { checkEveryStep, type StepChecks } from '../../support/check-steps'
import { FakeRunner, nextId } from './fake-runner'
import { type Answer, answers, idle, prompt, request } from './generate'

/** Many more, and other ones each time: OCTAVO_RANDOM_RUNS=20000 npx vitest run --project unit random. */
const moreRuns = process.env.OCTAVO_RANDOM_RUNS
const runs = moreRuns ? { numRuns: Number(moreRuns) } : { numRuns: 800, seed: 4 }
const timeoutMs = moreRuns ? 3_600_000 : 60_000

const limits = fc
  .record({
    maxSequences: fc.integer({ min: 2, max: 6 }),
    extraTokens: fc.integer({ min: 0, max: 20 }),
    extraRows: fc.integer({ min: 0, max: 6 }),
    blocks: fc.integer({ min: 6, max: 22 }),
    maxContext: fc.integer({ min: 30, max: 60 }),
    hasState: fc.boolean(),
  })
  .map(
    ({ maxSequences, extraTokens, extraRows, ...rest }): Partial<RunnerLimits> => ({
      maxSequences,
      maxBatchTokens: maxSequences + extraTokens,
      maxLogitRows: maxSequences + extraRows,
      ...rest,
    }),
  )

const abort = fc.record({
  answer: fc.nat(3),
  moment: fc.oneof(
    fc.record({ after: fc.constant('steps' as const), count: fc.nat(20) }),
    fc.record({ after: fc.constant('tokens' as const), count: fc.nat(8) }),
  ),
})

/** A request that comes after some steps. Prompts begin with a part of one of three texts. */
const arrival = fc.record({
  afterSteps: fc.nat(30),
  text: fc.nat(2),
  sharedTokens: fc.nat(24),
  ownTokens: fc.integer({ min: 1, max: 12 }),
  ownSeed: fc.nat(3),
  maxTokens: fc.nat(20),
  toContextEnd: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  minTokens: fc.nat(3),
  answers: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 4 })),
  priority: fc.integer({ min: -1, max: 1 }),
  logprobs: fc.boolean(),
  promptLogprobs: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
  constrained: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
  abort: fc.option(abort, { freq: 3 }),
})
type Arrival = typeof arrival extends fc.Arbitrary<infer Value> ? Value : never

/** The GPU goes after some steps; that is known, and another one comes, some turns later. */
const loss = fc.record({ afterSteps: fc.nat(40), unknownTurns: fc.nat(4), goneTurns: fc.nat(6) })
type Loss = typeof loss extends fc.Arbitrary<infer Value> ? Value : never

const scenario = fc.record({
  limits,
  maxWaiting: fc.oneof(fc.constant(100), fc.nat(8)),
  delays: fc.nat(),
  arrivals: fc.array(arrival, { minLength: 1, maxLength: 12 }),
  losses: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(loss, { maxLength: 3 })),
  failAt: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 8, nil: Number.POSITIVE_INFINITY }),
})

/** Three of four ids, other ones after each id; after some, any. */
function allowedAfter(ids: readonly number[]): Uint32Array | null {
  const last = ids.at(-1)!
  if (last % 5 === 0) return null
  return new Uint32Array(32).map(
    (_, word) => (0xeeeeeeee << ((last + word) % 4)) | (0xeeeeeeee >>> (32 - ((last + word) % 4))),
  )
}

/** Knows whether it is asked for each id once, in their order. */
class Constraint implements TokenConstraint {
  #asked = 0

  allowed(ids: readonly number[], promptTokens: number): Uint32Array | null {
    if (ids.length - promptTokens !== this.#asked) throw new Error('the constraint is asked out of order')
    this.#asked += 1
    return allowedAfter(ids)
  }
}

/** What an answer is when nothing else runs. */
function alone(asked: GenerationRequest, hasState: boolean): number[] {
  const { promptIds, stop, sampler, constraint } = asked
  const ids = [...promptIds]
  while (ids.length - promptIds.length < stop.maxTokens) {
    const bannedIds = ids.length - promptIds.length < stop.minTokens ? [0] : []
    const allowed = constraint && allowedAfter(ids)
    const id = nextId(ids, { seed: sampler.seed, bannedIds, allowed, hasState })
    ids.push(id)
    if (id === 0) break
  }
  return ids.slice(promptIds.length)
}

function requestsOf(given: Arrival, capacity: number): GenerationRequest[] {
  const { text, sharedTokens, ownTokens, ownSeed, priority } = given
  const promptIds = [...prompt(24, text + 1).slice(0, sharedTokens), ...prompt(ownTokens, 100 + ownSeed)]
  const maxTokens = given.toContextEnd ? Math.max(1, capacity - promptIds.length) : given.maxTokens
  const stop = { maxTokens, minTokens: Math.min(given.minTokens, maxTokens) }
  return Array.from({ length: given.answers }, (_, seed) => {
    const constraint = given.constrained ? new Constraint() : null
    const logprobs = given.logprobs ? 0 : null
    const promptLogprobs = given.promptLogprobs ? 0 : null
    const one = request(promptIds, stop, { priority, constraint, logprobs, promptLogprobs })
    return { ...one, sampler: { ...one.sampler, seed } }
  })
}

function expectWhole({ ids, events, finish }: Answer, asked: GenerationRequest, hasState: boolean): void {
  expect(ids).toEqual(alone(asked, hasState))
  expect(finish?.usage).toEqual({ promptTokens: asked.promptIds.length, completionTokens: ids.length })
  const [report, ...more] = events.filter((event) => event.type === 'prompt')
  expect(more).toEqual([])
  expect(report!.cachedTokens).toBeLessThan(asked.promptIds.length)
  const given = asked.promptLogprobs === null ? undefined : [null, ...asked.promptIds.slice(1)]
  expect(report!.logprobs?.map((each) => each?.id ?? null)).toEqual(given)
  const logprobs = events.flatMap((event) => (event.type === 'delta' ? event.logprobs : []))
  expect(logprobs.map(({ id }) => id)).toEqual(asked.logprobs === null ? [] : ids)
}

class Run {
  readonly engine: Engine
  readonly runners: FakeRunner[]
  readonly #maxWaiting: number
  readonly #ends: Promise<void>[] = []
  #open = 0

  constructor({
    limits,
    maxWaiting,
    delays,
    failAt,
  }: { limits: Partial<RunnerLimits>; maxWaiting: number; delays: number; failAt: number }) {
    const runner = new FakeRunner(limits, delays)
    runner.failAt = failAt
    this.runners = [runner]
    this.#maxWaiting = maxWaiting
    this.engine = new Engine(runner, { maxWaiting })
  }

  get runner(): FakeRunner {
    return this.runners.at(-1)!
  }

  /** Until so many steps were submitted, or nothing runs that could submit more. */
  async until(steps: number): Promise<void> {
    while (this.engine.stats().steps < steps && this.#open > 0) await turns(1)
  }

  /** Loses a GPU after another. */
  async lose(losses: readonly Loss[]): Promise<void> {
    for (const { afterSteps, unknownTurns, goneTurns } of losses) {
      await this.until(afterSteps)
      const { limits, failAt } = this.runner
      this.runner.lose()
      await turns(unknownTurns)
      this.engine.pause()
      this.engine.checkIntegrity()
      await turns(goneTurns)
      const next = new FakeRunner(limits, afterSteps)
      next.failAt = failAt
      this.runners.push(next)
      this.engine.resume(next)
    }
  }

  start(given: Arrival): void {
    const asked = requestsOf(given, this.#capacity)
    const refusal = this.#refusal(asked)
    const controllers = asked.map(() => new AbortController())
    const stopping = controllers[(given.abort?.answer ?? 0) % controllers.length]!
    let seen = 0
    let started: Promise<Answer>[]
    try {
      started = answers(
        this.engine,
        asked,
        controllers.map(({ signal }) => signal),
        () => {
          if (given.abort?.moment.after === 'tokens' && seen++ === given.abort.moment.count) stopping.abort()
        },
      )
    } catch (error) {
      if (this.#isFailure(error)) return
      if (refusal === null) throw error
      expect(error).toMatchObject({ code: refusal })
      return
    }
    expect(refusal).toBeNull()
    if (given.abort?.moment.after === 'steps') {
      void this.until(this.engine.stats().steps + given.abort.moment.count).then(() => stopping.abort())
    }
    started.forEach((answer, i) => {
      this.#open += 1
      const end = answer
        .then(
          (got) => expectWhole(got, asked[i]!, this.runner.limits.hasState),
          (error: unknown) => this.#expectEnd(error, controllers[i]!.signal),
        )
        .finally(() => {
          this.#open -= 1
        })
      // Reported at the run’s end.
      end.catch(() => undefined)
      this.#ends.push(end)
    })
  }

  get #capacity(): number {
    const { maxContext, blocks, blockSize } = this.runner.limits
    return Math.min(maxContext, blocks * blockSize)
  }

  /** The code of the error that the request must have; null: it is taken. */
  #refusal(asked: readonly GenerationRequest[]): string | null {
    const { maxSequences } = this.runner.limits
    const [{ promptIds, stop }] = asked as [GenerationRequest]
    if (promptIds.length + stop.maxTokens > this.#capacity) return 'context-too-long'
    const places = maxSequences + this.#maxWaiting
    if (asked.length > places) return 'invalid-request'
    const { runningSequences, waitingSequences } = this.engine.stats()
    return runningSequences + waitingSequences + asked.length > places ? 'queue-full' : null
  }

  /** Of a step that was to fail, which ends the engine. */
  #isFailure(error: unknown): boolean {
    const failed = this.runners.some(({ steps, failAt }) => steps >= failAt)
    return failed && error instanceof OctavoError && error.message.includes('the step broke')
  }

  #expectEnd(error: unknown, signal: AbortSignal): void {
    const aborted = signal.aborted && error instanceof OctavoError && error.code === 'aborted'
    if (!aborted && !this.#isFailure(error)) throw error
  }

  async end(): Promise<void> {
    await Promise.all(this.#ends)
    await idle()
    this.engine.checkIntegrity()
    expect(this.engine.stats()).toMatchObject({ runningSequences: 0, waitingSequences: 0, blocksInUse: 0 })
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

let checks: StepChecks
beforeAll(() => {
  checks = checkEveryStep()
})
afterAll(() => checks.stop())

it(
  'in any company, with aborts, preemptions, evictions and lost GPUs at any moment, answers are what they are alone',
  async () => {
    const seen = { arrivals: 0, evictions: 0, hitTokens: 0, copies: 0, stateCopies: 0, losses: 0 }
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const run = new Run(given)
        let losing = Promise.resolve()
        const arrivals = given.arrivals.toSorted((a, b) => a.afterSteps - b.afterSteps)
        const [first] = arrivals
        for (const each of arrivals) {
          await run.until(each.afterSteps)
          run.start(each)
          // Not before there is something to do.
          if (each === first) losing = run.lose(given.losses)
        }
        await losing
        await run.end()
        seen.arrivals += given.arrivals.length
        seen.evictions += run.engine.stats().prefixEvictions
        seen.hitTokens += run.engine.stats().prefixHitTokens
        const chunks = run.runners.flatMap((runner) => runner.chunks)
        seen.stateCopies += chunks.filter(({ copyState }) => copyState !== null).length
        seen.copies += chunks.filter(({ copyBlock }) => copyBlock).length
        seen.losses += run.runners.slice(0, -1).filter(({ steps }) => steps > 0).length
      }),
      runs,
    )
    // The scenarios are worth what happens in them.
    expect(seen.arrivals).toBeGreaterThan(2000)
    const { evictions, hitTokens, copies, stateCopies, losses } = seen
    for (const count of [evictions, hitTokens, copies, stateCopies, losses, checks.preemptions]) {
      expect(count).toBeGreaterThan(100)
    }
  },
  timeoutMs,
)
