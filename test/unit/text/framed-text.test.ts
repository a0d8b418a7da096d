import { describe, expect, it } from 'vitest'
import { frameText } from '../../../src/text/framed-text'
import { createTokenizer } from '../../../src/text/tokenizer'
import { OctavoError } from '../../../src/util/octavo-error'
import { goldenPairs, goldenTokenizer } from './golden'
import { smallTokenizers } from './small-tokenizers'

const { files } = goldenTokenizer('minilm-part')
const { processors, cases } = goldenPairs

function withProcessor(post_processor: unknown) {
  const tokenizer = { ...(files.tokenizer as object), post_processor }
  return createTokenizer({ kind: 'safetensors', texts: { ...files, tokenizer } })
}

describe.each(Object.keys(processors))('with the post-processor %s', (name) => {
  const tokenizer = withProcessor(processors[name])
  const own = cases.filter(({ processor }) => processor === name)

  it('frames and truncates single texts as the original', () => {
    expect(own.length).toBeGreaterThan(40)
    for (const { texts, most, single, singleTypes } of own) {
      const framed = frameText(tokenizer, [texts[0]], most ?? Number.POSITIVE_INFINITY)
      expect([framed.ids, framed.types], texts[0]).toEqual([single, singleTypes])
    }
  })

  it('frames pairs, and truncates the longer text first, as the original', () => {
    for (const { texts, most, ids, types, whole } of own) {
      const framed = frameText(tokenizer, texts, most ?? Number.POSITIVE_INFINITY)
      expect(framed, texts.join(' | ')).toEqual({ ids, types, wholeTokens: whole })
    }
  })
})

describe('a pair of texts', () => {
  it('is refused where the tokenizer does not say how to frame it', () => {
    const { byteLevel } = smallTokenizers
    const tokenizer = createTokenizer({ kind: 'safetensors', texts: byteLevel })
    expect(() => frameText(tokenizer, ['a', 'b'], 10)).toThrow(OctavoError)
    expect(() => frameText(tokenizer, ['a', 'b'], 10)).toThrow(/does not say how two texts go together/)
  })

  it('is framed as BERT’s where a GGUF file has a tokenizer of its kind', () => {
    const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '▁a', '▁b']
    const metadata = new Map<string, string | number | string[] | number[]>([
      ['tokenizer.ggml.model', 'bert'],
      ['tokenizer.ggml.tokens', tokens],
      ['tokenizer.ggml.token_type', [3, 2, 3, 3, 1, 1]],
      ['tokenizer.ggml.unknown_token_id', 1],
      ['tokenizer.ggml.cls_token_id', 2],
      ['tokenizer.ggml.seperator_token_id', 3],
    ])
    const { ids, types } = frameText(createTokenizer({ metadata }), ['a b', 'b'], 10)
    expect(ids).toEqual([2, 4, 5, 3, 5, 3])
    expect(types).toEqual([0, 0, 0, 0, 1, 1])
  })
})
