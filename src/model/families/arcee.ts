import { decoder } from './decoder'
import type { Family } from './family'

/** Arcee's AFM: llama with a plain feed-forward part. */
export const arcee: Family = {
  modelTypes: ['arcee'],
  gguf: [],
  describe: (config, has) => decoder(config, has, { gated: false }),
}
