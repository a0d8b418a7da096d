import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../../src/text/tokenizer'
import type { TokenizerFiles } from '../../../src/text/tokenizer-json'
import type { Tokenizer } from '../../../src/text/types'
import type { Metadata, MetadataValue } from '../../../src/util/metadata'
import { OctavoError } from '../../../src/util/octavo-error'
import { Random } from '../../support/gpu-random'
import { measured } from '../../support/measured'
import { type Json, mutateJson } from '../../support/mutate'
import { smallMetadata, smallTokenizers } from './small-tokenizers'

const RUNS_EACH = Number(process.env.OCTAVO_RANDOM_RUNS ?? 320)
const TEXT =
  'Hello, wörld  <|end|></s>[SEP]\n 123 中文 é\u0301 👩‍👩‍👧 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'

type Outcome = 'loaded' | 'refused'

/** Loads and uses a tokenizer; anything but an OctavoError of the two codes is thrown on. */
function outcomeOf(make: () => Tokenizer): Outcome {
  let tokenizer: Tokenizer
  try {
    tokenizer = make()
  } catch (error) {
    if (error instanceof OctavoError && ['malformed-file', 'unsupported-tokenizer'].includes(error.code)) {
      expect(error.message.length).toBeLessThan(400)
      return 'refused'
    }
    throw error
  }
  for (const special of [true, false]) {
    const ids = tokenizer.encode(TEXT, { special, addBos: true, addEos: true, plain: [[3, 9]] })
    for (const id of ids) {
      expect(Number.isInteger(id) && id >= 0 && id < tokenizer.size, `id ${id}`).toBe(true)
    }
    const detokenizer = tokenizer.detokenizer({ skipSpecialTokens: special })
    const text = ids.map((id) => detokenizer.push(id)).join('') + detokenizer.finish()
    expect(text.length).toBeLessThan(100_000)
  }
  return 'loaded'
}

describe('a mutated tokenizer loads and works, or is refused with a clear error', () => {
  it.each(Object.entries(smallTokenizers))('from tokenizer.json: %s', async (kind, files) => {
    expect(outcomeOf(() => createTokenizer({ kind: 'safetensors', texts: files }))).toBe('loaded')
    const outcomes: Outcome[] = []
    for (let seed = 0; seed < RUNS_EACH; seed++) {
      const outcome = await measured(`${kind}, seed ${seed}`, () => {
        const random = new Random(seed)
        // The file itself mostly; now and then the small ones beside it.
        const which = ['tokenizer', 'tokenizer', 'tokenizer', 'tokenizerConfig', 'config', 'generationConfig']
        const name = which[random.integer(which.length)]!
        const mutated = { ...files, [name]: mutateJson(files[name]!, random) } as TokenizerFiles
        return outcomeOf(() => createTokenizer({ kind: 'safetensors', texts: mutated }))
      })
      outcomes.push(outcome)
    }
    expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(RUNS_EACH / 5)
    expect(outcomes.filter((outcome) => outcome === 'loaded').length).toBeGreaterThan(RUNS_EACH / 20)
  })

  it.each(Object.entries(smallMetadata))('from GGUF metadata: %s', async (kind, metadata) => {
    expect(outcomeOf(() => createTokenizer({ metadata: asMetadata(metadata) }))).toBe('loaded')
    const outcomes: Outcome[] = []
    for (let seed = 0; seed < RUNS_EACH; seed++) {
      const outcome = await measured(`${kind}, seed ${seed}`, () => {
        const mutated = mutateJson(metadata, new Random(1000 + seed))
        return outcomeOf(() => createTokenizer({ metadata: asMetadata(mutated) }))
      })
      outcomes.push(outcome)
    }
    expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(RUNS_EACH / 5)
  })
})

/** As a GGUF header can have it: no null, no objects, and the items of a list are of one type. */
function asMetadata(value: Json): Metadata {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map()
  const entries = Object.entries(value).flatMap(([key, each]): [string, MetadataValue][] => {
    if (each === null || (typeof each === 'object' && !Array.isArray(each))) return []
    if (!Array.isArray(each)) return [[key, each as MetadataValue]]
    const kind = typeof each[0]
    if (kind === 'object') return []
    return [[key, each.filter((item) => typeof item === kind) as MetadataValue]]
  })
  return new Map(entries)
}
