import { bertFrames, type FramePart, type Frames, plainFrames, robertaFrames } from './frame'
import type { JsonField } from './json-field'
import { malformed, unsupported } from './tokenizer-errors'

const NONE = plainFrames([], [])
const MAX_ADDED = 64

/** The `post_processor` of a tokenizer.json. `size`: ids are below it. */
export function readPostProcessor(field: JsonField, size: number): Frames {
  if (field.missing) return NONE
  const type = field.at('type').string()
  switch (type) {
    case 'ByteLevel':
      return NONE
    case 'Sequence':
      return field
        .at('processors')
        .items()
        .map((each) => readPostProcessor(each, size))
        .reduce(within, NONE)
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const frames = type === 'BertProcessing' ? bertFrames : robertaFrames
      return frames([pairId(field.at('cls'), size)], [pairId(field.at('sep'), size)])
    }
    case 'TemplateProcessing':
      return {
        single: template(field, 'single', size) ?? fail(`${field.path}.single must have the text once`),
        pair: field.at('pair').missing ? null : template(field, 'pair', size),
      }
    default:
      throw unsupported(`post-processor '${type.slice(0, 60)}' (${field.path})`)
  }
}

function fail(message: string): never {
  throw malformed(message)
}

/** Of `["[CLS]", 101]`. */
function pairId(field: JsonField, size: number): number {
  const [text, id] = field.items()
  if (!text || !id) throw malformed(`${field.path} must be a token and its id`)
  text.string()
  return id.integer(size)
}

/** What one processor adds stands within what the next adds; the library does not pair texts with two that add. */
function within(inner: Frames, outer: Frames): Frames {
  if (outer === NONE) return inner
  if (inner === NONE) return outer
  const single = outer.single.flatMap((part) => ('text' in part ? inner.single : part))
  if (single.length > MAX_ADDED) throw malformed('post_processor of tokenizer.json adds too much')
  return { single, pair: null }
}

/** Null unless it has each of its texts once. */
function template(field: JsonField, name: 'single' | 'pair', size: number): readonly FramePart[] | null {
  const specials = field.at('special_tokens')
  const texts: readonly string[] = name === 'single' ? ['A'] : ['A', 'B']
  const seen: number[] = []
  let added = 0
  const parts = field
    .at(name)
    .items()
    .map((item): FramePart => {
      const special = item.at('SpecialToken')
      if (special.missing) {
        const sequence = item.at('Sequence')
        const text = texts.indexOf(sequence.at('id').string())
        if (text < 0) throw malformed(`${item.path} must be Sequence ${texts.join(' or ')}`)
        seen.push(text)
        return { text: text === 0 ? 0 : 1, type: sequence.at('type_id').integer(2 ** 16, 0) }
      }
      const ids = specials.at(special.at('id').string()).at('ids').items()
      added += ids.length
      if (added > MAX_ADDED) throw malformed(`${field.path}.${name} is too long`)
      return { ids: ids.map((id) => id.integer(size)), type: special.at('type_id').integer(2 ** 16, 0) }
    })
  const isWhole = seen.length === texts.length && new Set(seen).size === texts.length
  return isWhole ? parts : null
}
