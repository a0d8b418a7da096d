import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../../src/text/tokenizer'
import { goldenTexts, goldenTokenizer, goldenTokenizerNames } from './golden'
import { encodingDifferences, isKnown } from './known-differences'
import { smallTokenizers } from './small-tokenizers'

describe.each(goldenTokenizerNames())('the tokenizer.json of %s', (name) => {
  const { cases, files, config } = goldenTokenizer(name)
  const tokenizer = createTokenizer({ kind: 'safetensors', texts: files })
  const expected = cases.map((each, i) => ({ ...each, text: goldenTexts[i]!.js ?? goldenTexts[i]!.text }))
  const decode = (ids: readonly number[], skipSpecialTokens: boolean) => {
    const detokenizer = tokenizer.detokenizer({ skipSpecialTokens })
    return ids.map((id) => detokenizer.push(id)).join('') + detokenizer.finish()
  }

  const { model } = files.tokenizer as { model: Record<string, unknown> }
  const unknownId = model.unk_id ?? tokenizer.specialTokens.get(String(model.unk_token))

  it('gives every text the ids of the original', () => {
    expect(expected.length).toBeGreaterThan(180)
    const different = expected.filter(({ id, text, ids }) => {
      const got = tokenizer.encode(text, { special: true, addBos: false })
      return got.join() !== ids.join() && !isKnown(encodingDifferences, name, id)
    })
    expect(different).toEqual([])
  })

  it('puts around a whole text what the original puts there', () => {
    for (const { text, ids, before = [], after = [] } of expected) {
      const whole = tokenizer.encode(text, { special: true, addBos: true, addEos: true })
      // tokenizer_config.json may ask for a BOS that tokenizer.json does not have.
      const asksForBos = config?.add_bos_token === true && before.length + after.length === 0
      expect(whole).toEqual([...(asksForBos ? [tokenizer.bosId] : []), ...before, ...ids, ...after])
    }
  })

  it('reads no special token where special-token text is to stay text', () => {
    for (const { text } of expected) {
      const ids = tokenizer.encode(text, { special: false, addBos: false })
      expect(ids.filter((id) => tokenizer.isSpecial(id) && id !== unknownId)).toEqual([])
    }
  })

  if (tokenizerType(files.tokenizer, 'decoder') === 'ByteLevel')
    it('gives back the text that it encoded, Unicode normal form but for', () => {
      for (const { text } of goldenTexts) {
        const back = decode(tokenizer.encode(text, { special: true, addBos: false }), false)
        expect(back.normalize('NFC')).toBe(text.normalize('NFC'))
      }
    })

  it('decodes ids to the text of the original, with special tokens and without', () => {
    const reference = expected.map(({ id, ids, decoded, decoded_skip }, i) => {
      const text = decoded ?? goldenTexts[i]!.text
      return { id, ids, text, skipped: decoded_skip ?? text }
    })
    const got = expected.map(({ id, ids }) => ({
      id,
      ids,
      text: decode(ids, false),
      skipped: decode(ids, true),
    }))
    expect(got).toEqual(reference)
    for (const { ids, before = [], after = [], decoded_special } of expected) {
      if (decoded_special !== undefined)
        expect(decode([...before, ...ids, ...after], false)).toBe(decoded_special)
    }
  })
})

function tokenizerType(tokenizer: unknown, part: string): unknown {
  return (tokenizer as Record<string, { type?: unknown } | null>)[part]?.type
}

describe('ids and the rows of the embedding', () => {
  const header = { kind: 'safetensors', texts: smallTokenizers.byteLevel } as const
  const { size } = createTokenizer(header)

  it('may be fewer than the rows, which are padded', () => {
    expect(createTokenizer(header, size).size).toBe(size)
    expect(createTokenizer(header, size + 58).size).toBe(size)
  })

  it('must not be more', () => {
    expect(() => createTokenizer(header, size - 1)).toThrow(
      expect.objectContaining({
        code: 'malformed-file',
        message: expect.stringMatching(
          `${size} ids up to '<tool>', the token embedding has ${size - 1} rows`,
        ),
      }),
    )
  })
})
