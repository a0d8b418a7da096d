import { describe, expect, it } from 'vitest'
import { Encoder } from '../../../src/engine/encoder'
import type { EncoderRunner, EncoderSequence } from '../../../src/model/encoder-step'
import { OctavoError } from '../../../src/util/octavo-error'

/** A sequence of `length` tokens that is told by its first id. */
function sequence(id: number, length = 1): EncoderSequence {
  return { ids: Array.from({ length }, () => id), types: Array.from({ length }, () => 0) }
}

/** Gives back each sequence's first id and its length, when it is told to. */
class FakeRunner implements EncoderRunner {
  readonly limits = { maxTokens: 100, maxBatchTokens: 10, maxSequences: 4, vocabSize: 1000, outputs: 2 }
  /** First ids of the sequences of each batch. */
  readonly batches: number[][] = []
  lost = false
  readonly #steps: { readonly finish: () => void; readonly fail: (error: Error) => void }[] = []

  run(sequences: readonly EncoderSequence[]): Promise<readonly Float32Array[]> {
    this.batches.push(sequences.map(({ ids }) => ids[0]!))
    return new Promise((resolve, reject) => {
      const finish = () => resolve(sequences.map(({ ids }) => Float32Array.of(ids[0]!, ids.length)))
      this.#steps.push({ finish, fail: reject })
    })
  }

  isLost = () => Promise.resolve(this.lost)

  async finish(): Promise<void> {
    this.#steps.shift()!.finish()
    await settled()
  }

  async fail(error: Error): Promise<void> {
    this.#steps.shift()!.fail(error)
    await settled()
  }

  async finishAll(): Promise<void> {
    while (this.#steps.length > 0) await this.finish()
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve))
const never = new AbortController().signal

function setUp(maxWaiting = 100) {
  const runner = new FakeRunner()
  const encoder = new Encoder(runner, { maxWaiting })
  return { runner, encoder }
}

const results = (outputs: readonly Float32Array[]) => outputs.map((output) => [...output])

describe('an encoder', () => {
  it('runs requests that come together in one batch, and gives each its own', async () => {
    const { runner, encoder } = setUp()
    const one = encoder.encode([sequence(1, 2), sequence(2)], never)
    const other = encoder.encode([sequence(3, 4)], never)
    await settled()
    expect(runner.batches).toEqual([[1, 3, 2]])
    await runner.finishAll()
    expect(results(await one)).toEqual([
      [1, 2],
      [2, 1],
    ])
    expect(results(await other)).toEqual([[3, 4]])
  })

  it('fills a batch up to its tokens and its sequences, and submits the next before the first is read', async () => {
    const { runner, encoder } = setUp()
    const all = Array.from({ length: 11 }, (_, i) => sequence(i + 1, i < 2 ? 5 : 1))
    const call = encoder.encode(all, never)
    await settled()
    expect(runner.batches).toEqual([
      [1, 2],
      [3, 4, 5, 6],
    ])
    await runner.finishAll()
    expect(runner.batches.slice(2)).toEqual([[7, 8, 9, 10], [11]])
    expect(results(await call)).toEqual(all.map(({ ids }) => [ids[0], ids.length]))
  })

  it('takes a sequence that is longer than a batch alone', async () => {
    const { runner, encoder } = setUp()
    const call = encoder.encode([sequence(1), sequence(2, 50), sequence(3)], never)
    await settled()
    await runner.finishAll()
    expect(runner.batches).toEqual([[1], [2], [3]])
    expect(await call).toHaveLength(3)
  })

  it('does not let a short request wait for a long one', async () => {
    const { runner, encoder } = setUp()
    const long = encoder.encode(
      Array.from({ length: 40 }, () => sequence(1)),
      never,
    )
    await settled()
    const short = encoder.encode([sequence(2)], never)
    await runner.finish()
    expect(runner.batches[2]).toContain(2)
    await runner.finishAll()
    await Promise.all([short, long])
  })

  it('lets a long sequence have its turn among short ones', async () => {
    const { runner, encoder } = setUp()
    const short = [1, 2].map((id) =>
      encoder.encode(
        Array.from({ length: 40 }, () => sequence(id)),
        never,
      ),
    )
    const long = encoder.encode([sequence(3, 50)], never)
    await settled()
    for (let i = 0; i < 2; i++) await runner.finish()
    expect(runner.batches.slice(0, 4)).toContainEqual([3])
    await runner.finishAll()
    await Promise.all([...short, long])
  })

  it('ends a request that is aborted at once, waiting or running, and no other', async () => {
    const { runner, encoder } = setUp()
    const controller = new AbortController()
    const aborted = encoder.encode(
      Array.from({ length: 20 }, () => sequence(1)),
      controller.signal,
    )
    const other = encoder.encode([sequence(2), sequence(3)], never)
    await settled()
    controller.abort('enough')
    await expect(aborted).rejects.toMatchObject({ code: 'aborted', cause: 'enough' })
    await runner.finishAll()
    expect(runner.batches.flat().filter((id) => id === 1).length).toBeLessThan(8)
    expect(await other).toHaveLength(2)
    expect(encoder.stats()).toMatchObject({ running: 0, waiting: 0 })
    await expect(encoder.encode([sequence(1)], controller.signal)).rejects.toMatchObject({ code: 'aborted' })
  })

  it('refuses more requests than may wait', async () => {
    const { runner, encoder } = setUp(1)
    const taken = [encoder.encode([sequence(1)], never), encoder.encode([sequence(2)], never)]
    await expect(encoder.encode([sequence(3)], never)).rejects.toMatchObject({ code: 'queue-full' })
    await settled()
    await runner.finishAll()
    await Promise.all(taken)
    const next = encoder.encode([sequence(4)], never)
    await settled()
    await runner.finishAll()
    await next
  })

  it('ends every request, now and later, where a step fails or it is stopped', async () => {
    const { runner, encoder } = setUp()
    const calls = [encoder.encode([sequence(1)], never), encoder.encode([sequence(2)], never)]
    await settled()
    const failures = calls.map((call) => expect(call).rejects.toMatchObject({ code: 'internal' }))
    await runner.fail(new Error('the GPU is gone'))
    await Promise.all(failures)
    await expect(encoder.encode([sequence(1)], never)).rejects.toThrow('the GPU is gone')
    const other = setUp().encoder
    const call = other.encode([sequence(1)], never)
    other.stop(new OctavoError('unloaded', 'The engine was unloaded.', 'Create a new one.'))
    await expect(call).rejects.toMatchObject({ code: 'unloaded' })
  })

  it('computes again on another GPU what was in flight on one that is gone, and nothing that had come back', async () => {
    const { runner, encoder } = setUp()
    const outputs = encoder.encode(
      [1, 2, 3].map((id) => sequence(id, 10)),
      never,
    )
    await settled()
    expect(runner.batches).toEqual([[1], [2]])
    await runner.finish()
    expect(runner.batches).toEqual([[1], [2], [3]])
    runner.lost = true
    await runner.fail(new Error('the GPU is gone'))
    const later = encoder.encode([sequence(4)], never)
    await settled()
    expect(encoder.stats()).toMatchObject({ running: 1, waiting: 1, recovering: true })
    const next = new FakeRunner()
    encoder.resume(next)
    // What comes late from the first is of no interest.
    await runner.finish()
    await next.finishAll()
    expect(next.batches).toEqual([[2], [4], [3]])
    expect(results(await outputs)).toEqual([1, 2, 3].map((id) => [id, 10]))
    expect(results(await later)).toEqual([[4, 1]])
    expect(encoder.stats()).toMatchObject({ running: 0, waiting: 0, recovering: false })
  })

  it('needs no batch for no sequences', async () => {
    const { runner, encoder } = setUp()
    expect(await encoder.encode([], never)).toEqual([])
    await settled()
    expect(runner.batches).toEqual([])
  })
})
