import type { JsonField } from './json-field'
import { malformed, unsupported } from './tokenizer-errors'

/** The ids that go around the ids of a whole text. */
export interface Surround {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

const NONE: Surround = { before: [], after: [] }
const MAX_ADDED = 64

/** The `post_processor` of a tokenizer.json, for one text. `size`: ids are below it. */
export function readPostProcessor(field: JsonField, size: number): Surround {
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
        .reduce(
          (inner, outer) => ({
            before: [...outer.before, ...inner.before].slice(0, MAX_ADDED),
            after: [...inner.after, ...outer.after].slice(0, MAX_ADDED),
          }),
          NONE,
        )
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { before: [pairId(field.at('cls'), size)], after: [pairId(field.at('sep'), size)] }
    case 'TemplateProcessing':
      return template(field, size)
    default:
      throw unsupported(`post-processor '${type.slice(0, 60)}' (${field.path})`)
  }
}

/** Of `["[CLS]", 101]`. */
function pairId(field: JsonField, size: number): number {
  const [text, id] = field.items()
  if (!text || !id) throw malformed(`${field.path} must be a token and its id`)
  text.string()
  return id.integer(size)
}

function template(field: JsonField, size: number): Surround {
  const before: number[] = []
  const after: number[] = []
  let texts = 0
  const specials = field.at('special_tokens')
  for (const item of field.at('single').items()) {
    const special = item.at('SpecialToken')
    if (special.missing) {
      if (item.at('Sequence').at('id').string() !== 'A') throw malformed(`${item.path} must be Sequence A`)
      texts++
      continue
    }
    const ids = specials.at(special.at('id').string()).at('ids').items()
    ;(texts === 0 ? before : after).push(...ids.slice(0, MAX_ADDED).map((id) => id.integer(size)))
  }
  if (texts !== 1) throw malformed(`${field.path}.single must have the text once`)
  if (before.length > MAX_ADDED || after.length > MAX_ADDED)
    throw malformed(`${field.path}.single is too long`)
  return { before, after }
}
