import { describe, expect, it } from 'vitest'
import {
  archJson,
  batchOf,
  type EncoderGolden,
  encoderCases,
  furthest,
  type GoldenPooling,
  openEncoder,
  pooled,
  sequencesOf,
} from '../../support/encoder-golden'
import { isQuick, openTestGpu, testVariants } from '../../support/gpu'
import { firstLayers, RowsOnDevice } from '../../support/hidden-states'
import { loadEncoderRepo } from '../../support/load-encoder'

const gpu = await openTestGpu()
const quick = isQuick(gpu)
/** On a slow adapter two that differ most: norms behind halves and a head that scores; a window both ways. */
const telling = ['bert-reranker', 'embeddinggemma']
const cases = (await encoderCases()).filter(({ name }) => quick || telling.includes(name))
const goldenOf = (name: string) => archJson<EncoderGolden>(`${name}/golden.json`)

/** What a family's repos pool by; of BERT all. */
function poolingsOf(name: string): readonly GoldenPooling[] {
  if (name === 'qwen3-embedding') return ['last']
  return name === 'bert' ? ['mean', 'cls', 'last'] : ['mean']
}

type Output = 'logits' | `${GoldenPooling}_pooled`

const outputs = cases.flatMap(({ name, kind }) =>
  kind === 'classify'
    ? [{ name, output: 'logits' as Output }]
    : poolingsOf(name).map((pooling) => ({ name, output: `${pooling}_pooled` as Output })),
)

describe('an encoder gives the reference’s vectors or scores, and the same bits alone and in a batch', () => {
  it.each(outputs)('$name, $output', async ({ name, output }) => {
    const golden = await goldenOf(name)
    const repo = await openEncoder(name)
    const pooling = output === 'logits' ? null : (output.split('_')[0] as GoldenPooling)
    const { runner, info, destroy } = await loadEncoderRepo(pooling === null ? repo : pooled(repo, pooling), {
      tactics: { tune: 'off', store: null, browser: '', onTuning: () => {} },
    })
    expect(info.dropped, 'variants that erred in the proof').toEqual([])
    expect(info.diagnostics.proof!.untried, 'kernels without a known case').toEqual([])
    // Vectors have length 1, scores have not.
    const bound = pooling === null ? 1e-4 * golden.output_std : 1e-5
    try {
      const alone: Float32Array[] = []
      for (const [i, sequence] of sequencesOf(golden.sequences).entries()) {
        const [row] = await runner.run([sequence])
        expect(furthest(row!, golden.sequences[i]![output]!), `sequence ${i}`).toBeLessThan(bound)
        alone.push(row!)
      }
      const together = await runner.run(batchOf(golden))
      for (const [i, row] of together.entries()) {
        expect(furthest(row, golden.batch[output]![i]!), `row ${i} of the batch`).toBeLessThan(bound)
        expect(row, `row ${i} of the batch`).toEqual(alone[i])
      }
    } finally {
      destroy()
    }
  })
})

describe('an encoder gives the reference’s hidden states of every token', () => {
  const encoders = cases.filter(({ kind }) => kind === 'encoder')
  it.each(encoders)('$name', async ({ name }) => {
    const { sequences, output_std } = await goldenOf(name)
    const at = sequences.findIndex(({ hidden_states }) => hidden_states)
    const { hidden_states } = sequences[at]!
    const repo = await openEncoder(name)
    const layers = hidden_states!.length - 1
    for (let count = quick ? 1 : layers; count <= layers; count++) {
      const states = new RowsOnDevice()
      const { runner, destroy } = await loadEncoderRepo(firstLayers(repo, count), { gpu: states.gpu })
      try {
        await runner.run([sequencesOf(sequences)[at]!])
        const expected = hidden_states![count]!.flat()
        // The final norm is that of the whole model: before it, layers are compared by the stream.
        const buffers = await states.read(count === layers ? /^(residual stream|normed)/ : /^residual stream/)
        const deviations = buffers.map((rows) => furthest(rows.slice(0, expected.length), expected))
        expect(Math.min(...deviations), `after layer ${count}`).toBeLessThan(1e-4 * output_std)
      } finally {
        destroy()
      }
    }
  })
})

// A slow adapter would take half a minute for it, with kernels that it has shown to be right above.
if (quick) {
  describe('an encoder', async () => {
    const golden = await goldenOf('bert')
    const repo = await openEncoder('bert')
    const sequences = sequencesOf(golden.sequences)

    it('gives a text the same bits alone, among others and in any order, with every variant', async () => {
      const among = [...sequences, ...[...sequences].reverse()]
      for (const variants of testVariants(gpu)) {
        const { runner, destroy } = await loadEncoderRepo(repo, { variants, maxBatchTokens: 128 })
        try {
          const together = await runner.run(among)
          for (const [i, sequence] of sequences.entries()) {
            const [alone] = await runner.run([sequence])
            for (const at of [i, among.length - 1 - i])
              expect([...together[at]!], `${variants.name} ${at}`).toEqual([...alone!])
          }
        } finally {
          destroy()
        }
      }
    })

    it('has its floats in 16 bits unless it is asked for others', async () => {
      const bytes: number[] = []
      for (const floatWeights of ['exact', 'f16'] as const) {
        const { runner, info, destroy } = await loadEncoderRepo(repo, { floatWeights })
        const [, , row] = await runner.run(sequences)
        expect(furthest(row!, golden.sequences[2]!.mean_pooled!)).toBeLessThan(5e-3)
        bytes.push(info.gpuBytes)
        destroy()
      }
      expect(bytes[1]).toBeLessThan(bytes[0]!)
    })
  })
}
