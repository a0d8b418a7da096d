import { describe, expect, it } from 'vitest'
import { resultWords, sample, settingsWords } from '../../../src/kernels/sample'
import { sample as reference, type Sampling } from '../../reference/sample'
import { isQuick, openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

const greedy: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, position: 0, bannedIds: [] }

/** The drawn ids of rows [rows, vocab]; they must also be in the slots of `sampled`, which go backwards here. */
async function draw(
  lanes: number,
  logits: Float32Array<ArrayBuffer>,
  vocab: number,
  rows: readonly Sampling[],
): Promise<number[]> {
  const batch = new Uint32Array(3 + rows.length * settingsWords)
  const floats = new Float32Array(batch.buffer)
  rows.forEach(({ temperature, topK, topP, minP, seed, position, bannedIds }, row) => {
    const at = 3 + row * settingsWords
    floats.set([temperature], at)
    batch[at + 1] = topK
    floats.set([topP, minP], at + 2)
    batch.set([seed, position, bannedIds.length, ...bannedIds], at + 4)
    batch[at + 15] = rows.length - 1 - row
  })
  const outputs = await runKernel(gpu, sample, {
    variant: { constants: { workgroup_size: lanes } },
    inputs: { logits, batch, results: rows.length * resultWords, sampled: rows.length },
    params: { vocab, settings_at: 3, result_words: resultWords },
    shape: { rows: rows.length, vocab },
  })
  const ids = rows.map((_, row) => outputs.words('results')[row * resultWords]!)
  expectSame(`sample ${lanes} lanes: slots`, outputs.words('sampled'), ids.toReversed())
  return ids
}

/** The same logits in each of `count` rows. */
function repeated(logits: ArrayLike<number>, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: logits.length * count }, (_, i) => logits[i % logits.length]!)
}

describe.each([...new Set(testVariants(gpu).map(({ samplerLanes }) => samplerLanes))])(
  'sampling by %s lanes',
  (lanes) => {
    it.each([1, 2, 63, 999, 49152, 262144])('greedily takes the best of %s ids', async (vocab) => {
      const logits = new Random(vocab).normals(2 * vocab, 4)
      const ids = await draw(lanes, logits, vocab, [greedy, greedy])
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
      expect(await draw(lanes, logits, vocab, rows)).toEqual([200, 201, 299, 0])
      const warm = rows.map((row) => ({ ...row, temperature: 1, topK: 1 }))
      const [first, second, third, fourth] = await draw(lanes, logits, vocab, warm)
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
    ]

    it.each(filters)('draws what the definition draws from the same seed, %o', async (filter) => {
      const vocab = 999
      const random = new Random(10)
      const rows = Array.from(
        { length: 48 },
        (_, i): Sampling => ({
          ...greedy,
          ...filter,
          seed: random.word(),
          position: random.integer(5000),
          bannedIds: i % 3 === 0 ? [i, 500] : [],
        }),
      )
      const logits = random.normals(rows.length * vocab, 3)
      const ids = await draw(lanes, logits, vocab, rows)
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
        const ids = await draw(lanes, repeated(logits, count), logits.length, rows)
        expect(
          [...new Set(ids)].sort((a, b) => a - b),
          JSON.stringify(settings),
        ).toEqual(kept)
      }
    })

    it('draws each id as often as its probability says', async () => {
      const logits = [0, 1, 2, -1, 0.5, 1.5, -2, 3]
      const count = isQuick(gpu) ? 4096 : 1024
      const rows = Array.from({ length: count }, (_, i) => ({
        ...greedy,
        temperature: 0.8,
        seed: 7,
        position: i,
      }))
      const ids = await draw(lanes, repeated(logits, count), logits.length, rows)
      const shares = logits.map((logit) => Math.exp(logit / 0.8))
      const total = shares.reduce((sum, share) => sum + share, 0)
      const chiSquare = shares.reduce((sum, share, id) => {
        const expected = (count * share) / total
        return sum + (ids.filter((each) => each === id).length - expected) ** 2 / expected
      }, 0)
      // 7 degrees of freedom: above 24.3 once in a thousand.
      expect(chiSquare).toBeLessThan(24.3)
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
      const ids = await draw(lanes, repeated(logits, count), vocab, rows)
      const order = random.permutation(count)
      const shuffled = await draw(
        lanes,
        repeated(logits, count),
        vocab,
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
      expect(await draw(lanes, logits, 1000, rows)).toEqual([0])
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
        const [id] = await draw(lanes, logits, vocab, [sampling])
        expect([...accepted], JSON.stringify(each)).toContain(id)
      }
    })
  },
)
