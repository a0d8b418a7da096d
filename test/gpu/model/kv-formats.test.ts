import { expect, inject, it } from 'vitest'
import perplexity from '../../golden/smollm2/perplexity.json'
import { ForcedSequence } from '../../support/force-tokens'
import { loadModelUrl, realModelUrl } from '../../support/load-model'

/** SwiftShader takes seconds a token: there the tiny models of forward.test.ts must do, and a few tokens here. */
const lavapipe = inject('adapter') === 'lavapipe'
const scored = inject('long') ? perplexity.ids.length : lavapipe ? 200 : 6

/**
 * By how much the perplexity may differ from the reference's: what `npm run bench:perplexity` shows, and a margin. The
 * perplexity of a few tokens says nothing about the format, only that it is no nonsense.
 */
const tolerance = lavapipe ? { int8: 0.01, int4: 0.15 } : { int8: 0.1, int4: 0.5 }

it.each(['int8', 'int4'] as const)(
  'gives a passage nearly the perplexity of an exact cache, %s',
  async (format) => {
    const model = await loadModelUrl(realModelUrl, { format, maxTokens: scored + 32 })
    const ids = perplexity.ids.slice(0, scored)
    const sequence = new ForcedSequence(model.runner, 0, scored)
    const scores = await sequence.score(ids.slice(0, -1), ids.slice(1), 1)
    model.destroy()
    const got = perplexityOf(scores.map(({ logprob }) => logprob))
    const exact = perplexityOf(perplexity.logprobs.slice(0, scored - 1))
    expect(Math.abs(got / exact - 1), `${got} against ${exact}`).toBeLessThan(tolerance[format])
  },
)

function perplexityOf(logprobs: readonly number[]): number {
  return Math.exp(-logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length)
}
