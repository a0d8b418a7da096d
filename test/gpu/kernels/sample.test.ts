import { describe, expect, it } from 'vitest'
import { sample as reference, type Sampling } from '../../reference/sample'
import { isQuick, openTestGpu, testVariants } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { drawRows, repeated, type SampledRow } from '../../support/gpu-sampling'

const gpu = await openTestGpu()

const greedy: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, position: 0 }

/** The drawn ids of rows [rows, vocab]; they must also be in the slots of `sampled`, which go backwards. */
async function draw(
  lanes: number,
  logits: Float32Array<ArrayBuffer>,
  rows: readonly SampledRow[],
): Promise<readonly number[]> {
  const { ids, sampled } = await drawRows(gpu, lanes, logits, rows)
  expectSame(`sample ${lanes} lanes: slots`, sampled, ids.toReversed())
  return ids
}

describe.each([...new Set(testVariants(gpu).map(({ samplerLanes }) => samplerLanes))])(
  'sampling by %s lanes',
  (lanes) => {
    it.each([1, 2, 63, 999, 49153, 262144])('greedily takes the best of %s ids', async (vocab) => {
      const logits = new Random(vocab).normals(2 * vocab, 4)
      const ids = await draw(lanes, logits, [greedy, greedy])
      const best = [0, 1].map((row) => {
        const own = logits.subarray(row * vocab, (row + 1) * vocab)
        return own.indexOf(own.reduce((a, b) => Math.max(a, b)))
      })
      expect(ids).toEqual(best)
    })

    it('takes the lowest id of a tie, masks NaN, and leaves banned ids out', async () => {
      const vocab = 300
      const logits = new Float32Array(4 * vocab).fill(-3)
      for (let row = 0; row < 4; row++) {
        logits.set([5, 5], row * vocab + 200)
        logits[row * vocab + 17] = Number.NaN
        logits[row * vocab + 299] = 5
      }
      const bans = [[], [200], [201, 200], [1, 2, 3, 200, 299, 5, 6, 201]]
      const rows = bans.map((bannedIds) => ({ ...greedy, bannedIds }))
      expect(await draw(lanes, logits, rows)).toEqual([200, 201, 299, 0])
      const warm = rows.map((row) => ({ ...row, temperature: 1, topK: 1 }))
      const [first, second, third, fourth] = await draw(lanes, logits, warm)
      // Ties of the k-th are kept.
      expect([200, 201, 299]).toContain(first)
      expect([201, 299]).toContain(second)
      expect(third).toBe(299)
      expect(fourth).not.toBe(17)
    })

    const filters = [
      { temperature: 1 },
      { temperature: 0.7, topK: 40 },
      { temperature: 1.3, topP: 0.9 },
      { temperature: 0.9, minP: 0.05 },
      { temperature: 0.8, topK: 50, topP: 0.8, minP: 0.02 },
      { temperature: 5, topK: 3, topP: 0.5 },
      { temperature: 1, topP: 1e-6 },
      { temperature: 0.01 },
      // The most that a shortlist is made for, and more.
      { temperature: 1, topK: 128, topP: 0.99 },
      { temperature: 1, topK: 129 },
      { temperature: 1, topK: 400 },
      { temperature: 4, topP: 0.97 },
      { temperature: 8, topK: 800, topP: 0.9, minP: 0.1 },
    ]

    it.each(filters)('draws what the definition draws from the same seed, %o', async (filter) => {
      const vocab = 999
      const random = new Random(10)
      const rows = Array.from(
        { length: 48 },
        (): Sampling => ({
          ...greedy,
          ...filter,
          seed: random.word(),
          position: random.integer(5000),
        }),
      )
      const logits = random.normals(rows.length * vocab, 3)
      const ids = await draw(lanes, logits, rows)
      let exact = 0
      rows.forEach((sampling, row) => {
        const own = logits.subarray(row * vocab, (row + 1) * vocab)
        // Probabilities are counted in units of 2⁻²⁴ of the best one's.
        const slack = { mass: vocab * 2 ** -24 + 1e-5, noise: 1e-4 }
        const { id, accepted } = reference(own, sampling, slack)
        if (!accepted.has(ids[row]!)) {
          throw new Error(
            `sample ${lanes} lanes ${JSON.stringify(sampling)} row ${row}: got ${ids[row]}, expected ${id}`,
          )
        }
        if (ids[row] === id) exact += 1
      })
      // Near ties are few, so nearly all draws are the twin's own.
      expect(exact).toBeGreaterThanOrEqual(rows.length - 1)
    })

    it('keeps exactly the ids that top-k, top-p and min-p name', async () => {
      const logits = [1, 4, -2, 3, 3, 0, 2, -1, 3.5, -30]
      const cases: [Partial<Sampling>, number[]][] = [
        [{ topK: 2 }, [1, 8]],
        // Ties of the third are kept.
        [{ topK: 3 }, [1, 3, 4, 8]],
        [{ topK: 10 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
        // At so high a temperature all are about equally likely.
        [{ topP: 0.15 }, [1, 8]],
        [{ topK: 4, topP: 0.3 }, [1, 8]],
        [{ temperature: 2, minP: Math.exp(-0.3) }, [1, 8]],
        [{ temperature: 2, minP: Math.exp(-0.51) }, [1, 3, 4, 8]],
      ]
      const count = 96
      for (const [settings, kept] of cases) {
        const rows = Array.from({ length: count }, (_, i) => ({
          ...greedy,
          temperature: 2000,
          seed: i,
          ...settings,
        }))
        const ids = await draw(lanes, repeated(logits, count), rows)
        expect(
          [...new Set(ids)].sort((a, b) => a - b),
          JSON.stringify(settings),
        ).toEqual(kept)
      }
    })

    it('counts what it draws in the slots of rows with penalties, and in no other', async () => {
      const [vocab, count] = [40, 6]
      const history = { ids: [3, 4, 3], promptTokens: 1 }
      const rows = Array.from({ length: count }, (_, i) =>
        i % 2 === 0 ? { ...greedy, temperature: 1, seed: i, frequencyPenalty: 0.1, history } : greedy,
      )
      const { ids, counts } = await drawRows(gpu, lanes, new Random(14).normals(vocab * count), rows)
      const expected = new Uint32Array(vocab * count)
      ids.forEach((id, row) => {
        if (row % 2 === 1) return
        const at = vocab * (count - 1 - row)
        expected.set([2 ** 31 + 1, 1], at + 3)
        expected[at + id]! += 1
      })
      expectSame(`sample ${lanes} lanes: counts`, counts, expected)
    })

    it('draws by seed and position alone, whatever row it is in', async () => {
      const random = new Random(12)
      const [vocab, count] = [200, 24]
      const logits = random.normals(vocab)
      const rows = Array.from({ length: count }, (_, i) => ({
        ...greedy,
        temperature: 1,
        seed: i % 5,
        position: i,
      }))
      const ids = await draw(lanes, repeated(logits, count), rows)
      const order = random.permutation(count)
      const shuffled = await draw(
        lanes,
        repeated(logits, count),
        order.map((row) => rows[row]!),
      )
      expect(shuffled).toEqual(order.map((row) => ids[row]))
      expect(new Set(ids).size).toBeGreaterThan(10)
    })

    it('gives no id a noise without bounds', async () => {
      // The hash of seed 19728, position 0 and id 211 has 24 ones on top: one minus it is nothing to an f32.
      const logits = new Float32Array(1000).fill(-25)
      logits[0] = 0
      const rows = [{ ...greedy, temperature: 1, seed: 19728 }]
      expect(await draw(lanes, logits, rows)).toEqual([0])
    })

    it('filters and draws from 262,144 ids', async () => {
      const vocab = 262144
      const logits = new Random(13).normals(vocab, 2.5)
      const settings = isQuick(gpu)
        ? [{ topK: 64, topP: 0.95, minP: 0.01 }, { topP: 0.6 }, {}]
        : [{ topK: 64, topP: 0.95 }]
      for (const each of settings) {
        const sampling = { ...greedy, temperature: 0.9, seed: 99, ...each }
        const { accepted } = reference(logits, sampling, { mass: vocab * 2 ** -24 + 1e-5, noise: 1e-4 })
        const [id] = await draw(lanes, logits, [sampling])
        expect([...accepted], JSON.stringify(each)).toContain(id)
      }
    })
  },
)
