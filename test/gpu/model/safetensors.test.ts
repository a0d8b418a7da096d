import { expect, it } from 'vitest'
import type { JsonObject } from '../../../src/util/model-file'
import { ForcedSequence } from '../../support/force-tokens'
import { loadRepo } from '../../support/load-model'
import { fetchRepo } from '../../support/safetensors-repo'

/** See test/golden/arch/README.md. */
interface Golden {
  /** Standard deviation of the logits. */
  readonly logit_std: number
  readonly sequences: readonly {
    readonly input_ids: readonly number[]
    readonly last_logits: readonly number[]
    readonly greedy: readonly number[]
  }[]
}

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`/golden/arch/${path}`)
  expect(response.ok, path).toBe(true)
  return response.json()
}

it.each(['llama-hd80', 'llama-linear', 'llama-llama3rope'])(
  'the reference model %s gives transformers’ logits and greedy tokens from its safetensors file and config.json',
  async (name) => {
    const golden = await json<Golden>(`${name}/golden.json`)
    const config = await json<JsonObject>(`${name}/config.json`)
    const { runner, destroy } = await loadRepo(
      await fetchRepo([`/golden/arch/${name}/model.safetensors`], config),
      {
        format: 'f32',
        maxTokens: 128,
      },
    )
    try {
      for (const { input_ids, last_logits, greedy } of golden.sequences) {
        const sequence = new ForcedSequence(runner, 0, 64)
        let { best, logits } = await sequence.prefill(input_ids, 16)
        const deviation = Math.max(...last_logits.map((value, i) => Math.abs(value - logits[i]!)))
        // The reference data's bound for an f32 path.
        expect(deviation / golden.logit_std).toBeLessThan(2e-3)
        const found: number[] = []
        while (found.length < greedy.length) {
          found.push(best)
          ;({ best, logits } = await sequence.decode(best))
        }
        expect(found).toEqual(greedy)
      }
    } finally {
      destroy()
    }
  },
)

it('quantizes a model’s floats while it loads, and its logits stay near those of the floats', async () => {
  const golden = await json<Golden>('llama-llama3rope/golden.json')
  const config = await json<JsonObject>('llama-llama3rope/config.json')
  const options = { format: 'f32', maxTokens: 128, floatWeights: 'int4' } as const
  const url = '/golden/arch/llama-llama3rope/model.safetensors'
  const { runner, info, destroy } = await loadRepo(await fetchRepo([url], config), options)
  try {
    expect(info.tensorTypes.map(({ type }) => type).sort()).toEqual(['Q4_1', 'Q4_K', 'Q8_0'])
    const { input_ids, last_logits } = golden.sequences[2]!
    const { logits } = await new ForcedSequence(runner, 0, 64).prefill(input_ids, 16)
    const squares = last_logits.reduce((sum, value, i) => sum + (value - logits[i]!) ** 2, 0)
    const deviation = Math.sqrt(squares / last_logits.length) / golden.logit_std
    // bench/README.md has what four bits cost on such models; weights in a wrong place would cost about 1.4.
    expect(deviation).toBeGreaterThan(0.02)
    expect(deviation).toBeLessThan(0.6)
  } finally {
    destroy()
  }
})
