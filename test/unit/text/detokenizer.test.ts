import { describe, expect, it } from 'vitest'
import { StopText } from '../../../src/engine/stop-text'
import { createTokenizer } from '../../../src/text/tokenizer'
import type { Tokenizer } from '../../../src/text/types'
import {
  goldenMetadata,
  goldenTexts,
  goldenTokenizer,
  goldenTokenizerNames,
  goldenVocabulary,
  goldenVocabularyNames,
  type StreamCase,
} from './golden'

const BROKEN = '\ufffd'

/** The pieces as they come, and at each place what the end would have added. */
function stream(tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens = false) {
  const detokenizer = tokenizer.detokenizer({ skipSpecialTokens })
  const pieces = ids.map((id) => detokenizer.push(id))
  const endings = ids.map((_, k) => {
    const shorter = tokenizer.detokenizer({ skipSpecialTokens })
    const text = ids.slice(0, k + 1).map((id) => shorter.push(id))
    return text.join('') + shorter.finish()
  })
  return { pieces: [...pieces, detokenizer.finish()], endings }
}

/** A byte above 127 alone. */
function isByteToken(tokenizer: Tokenizer, id: number): boolean {
  const bytes = tokenizer.tokenBytes(id)
  return bytes.length === 1 && bytes[0]! > 127
}

interface Subject {
  readonly name: string
  readonly make: () => { tokenizer: Tokenizer; cases: readonly StreamCase[] }
}

const subjects: readonly Subject[] = [
  ...goldenVocabularyNames()
    .filter((name) => goldenVocabulary(name).family !== null)
    .map((name) => ({
      name,
      make() {
        const { metadata, family } = goldenVocabulary(name)
        return { tokenizer: createTokenizer({ metadata }), cases: family!.stream }
      },
    })),
  ...goldenTokenizerNames().map((name) => ({
    name: `${name}’s tokenizer.json`,
    make() {
      const { files, stream: cases } = goldenTokenizer(name)
      return { tokenizer: createTokenizer({ kind: 'safetensors', texts: files }), cases }
    },
  })),
]

describe.each(subjects)('text from $name, id by id', ({ make }) => {
  const { tokenizer, cases } = make()

  it('ends as the original’s decode, wherever it is cut', () => {
    for (const { ids, prefixes, prefixes_skip = prefixes } of cases) {
      for (const skip of [false, true]) {
        const expected = skip ? prefixes_skip : prefixes
        stream(tokenizer, ids, skip).endings.forEach((text, k) => {
          if (text === expected[k]) return
          // Cut inside a character of byte tokens, Hugging Face gives up the whole characters before it too; ours have
          // been sent.
          expect(expected[k]).toMatch(/\ufffd\ufffd$/)
          expect(ids.slice(0, k + 1).some((id) => isByteToken(tokenizer, id))).toBe(true)
          expect(text.startsWith(expected[k]!.slice(0, expected[k]!.indexOf(BROKEN)))).toBe(true)
        })
      }
    }
  })

  it('never takes a piece back and never sends half a character', () => {
    for (const { ids } of cases) {
      const { pieces, endings } = stream(tokenizer, ids)
      expect(pieces.join('')).toBe(endings.at(-1))
      let sent = ''
      pieces.slice(0, -1).forEach((piece, k) => {
        sent += piece
        expect(piece).not.toMatch(/\p{Cs}/u)
        expect(endings[k]!.startsWith(sent)).toBe(true)
        // What the end adds to what was sent is nothing but an unfinished character.
        expect(endings[k]!.slice(sent.length).replaceAll(BROKEN, '')).toBe('')
      })
    }
  })

  it('sends no U+FFFD for a text that has none', () => {
    for (const { text } of goldenTexts) {
      if (text.includes(BROKEN)) continue
      const ids = tokenizer.encode(text, { special: false, addBos: false })
      const { pieces } = stream(tokenizer, ids.slice(0, 100))
      expect(pieces.slice(0, -1).join('')).not.toContain(BROKEN)
    }
  })
})

describe('a text that goes on from another', () => {
  it.each(['mistral-v1', 'smollm2'])('keeps its first space, in %s', (name) => {
    const tokenizer = createTokenizer({ metadata: goldenMetadata(name) })
    const prompt = tokenizer.encode('The capital of France is', { special: false, addBos: false })
    const whole = tokenizer.encode('The capital of France is Paris', { special: false, addBos: false })
    expect(whole.slice(0, prompt.length)).toEqual(prompt)
    const answer = (continues: boolean) => {
      const detokenizer = tokenizer.detokenizer({ skipSpecialTokens: true, continues })
      return (
        whole
          .slice(prompt.length)
          .map((id) => detokenizer.push(id))
          .join('') + detokenizer.finish()
      )
    }
    expect(answer(true)).toBe(' Paris')
    expect(answer(false)).toBe(name === 'smollm2' ? ' Paris' : 'Paris')
  })
})

describe('a special token', () => {
  it('comes out as its text or not at all, and does not disturb a character around it', () => {
    const tokenizer = createTokenizer({ metadata: goldenMetadata('smollm2') })
    const ids = tokenizer.encode('é<|im_end|>é', { special: true, addBos: false })
    const all = (skipSpecialTokens: boolean) => stream(tokenizer, ids, skipSpecialTokens).pieces.join('')
    expect(all(false)).toBe('é<|im_end|>é')
    expect(all(true)).toBe('éé')
  })
})

describe('stop strings over the real tokenizers', () => {
  const text = 'naïve 👩‍👩‍👧 and 日本語 END of it, ünd so weiter. 🇨🇭 Stop!'
  it.each(['smollm2', 'gpt-2', 'mistral-v1'])(
    'are found across tokens and bytes of a character in %s',
    (name) => {
      const tokenizer = createTokenizer({ metadata: goldenMetadata(name) })
      const ids = tokenizer.encode(text, { special: false, addBos: false })
      expect(ids.length).toBeGreaterThan(30)
      for (const stop of ['ï', '👩‍👧', '\u200d', '本語 E', 'END of', 'ünd', '🇭', 'p!', 'not there 👩']) {
        const output = new StopText(tokenizer.detokenizer({ skipSpecialTokens: true }), [stop], false)
        let out = ''
        let found: string | null = null
        for (const id of ids) {
          const step = output.push(id, true)
          out += step.text
          found = step.stop
          if (found !== null) break
        }
        if (found === null) {
          const step = output.finish(true)
          out += step.text
          found = step.stop
        }
        const at = text.indexOf(stop)
        expect(found).toBe(at < 0 ? null : stop)
        expect(out).toBe(at < 0 ? text : text.slice(0, at))
      }
    },
  )
})
