import { expect, inject, it } from 'vitest'
import { greedy } from '../../../src/model/step'
import type { KvFormat } from '../../../src/util/kv-format'
import type { JsonObject } from '../../../src/util/model-file'
import type { CausalGolden } from '../../support/arch-golden'
import { ForcedSequence } from '../../support/force-tokens'
import { loadRepo } from '../../support/load-model'
import { fetchRepo } from '../../support/safetensors-repo'

const root = `${inject('allGolden') ? '/shared-golden' : '/golden'}/arch/minicpm3`
const json = async <T>(path: string): Promise<T> => (await fetch(`${root}/${path}`)).json()

/** How far logits may be from those of transformers, in their standard deviation: a level is 1/255, or 1/15, of a key's range. */
const formats: readonly (readonly [KvFormat, bytes: number, bound: number])[] = [
  ['f16', 2, 0.03],
  ['int8', 1, 0.1],
  ['int4', 0.5, 1],
]
/** Elements that a token has in a layer's cache: its vector, and what is rotated. */
const elements = 32 + 16
const [layers, room] = [2, 64]

it.each(formats)(
  'a latent cache in %s has one vector a token, with which logits stay near, and its blocks can be moved',
  async (format, bytes, bound) => {
    const repo = await fetchRepo([`${root}/model.safetensors`], await json<JsonObject>('config.json'))
    const golden = await json<CausalGolden>('golden.json')
    const options = { format, maxTokens: 3 * room, maxSequences: 3, maxBatchTokens: 64 }
    const model = await loadRepo(repo, options)
    try {
      const scale = bytes < 2 ? 4 : 0
      expect(model.info.kvCache.bytes).toBe(layers * 3 * room * (elements * bytes + scale))
      const { runner, cacheBlocks } = model
      for (const { input_ids, last_logits } of golden.sequences) {
        const sequence = new ForcedSequence(runner, 0, room)
        const { best, logits } = await sequence.prefill(input_ids, input_ids.length)
        const off = Math.max(...last_logits.map((wanted, i) => Math.abs(wanted - logits[i]!)))
        expect(off / golden.logit_std).toBeLessThan(bound)

        // By way of this thread, to the blocks of another slot.
        for (const block of [0, 1]) await cacheBlocks.write(2 + block, await cacheBlocks.read(block))
        const moved = new ForcedSequence(runner, 1, room)
        moved.position = input_ids.length
        const next = await sequence.decode(best)
        expect(await moved.decode(best)).toEqual(next)
        if (input_ids.length > 32) continue

        // On the GPU, as the first step of another sequence.
        const copied = new ForcedSequence(runner, 2, room)
        copied.position = input_ids.length
        const copyBlock = { from: 1, to: 5 }
        await runner.run([copied.chunk([best], { copyBlock, sampler: greedy })])
        expect(await runner.readLogits(1)).toEqual(next.logits)
      }
    } finally {
      model.destroy()
    }
  },
)
