import { mapStrings, type PreparedMessage } from './chat-messages'
import type { TextSpan } from './types'

/** What a template is rendered from, and what of it an attacker may have written. */
export interface TemplateData {
  readonly messages: readonly PreparedMessage[]
  readonly tools: readonly unknown[] | null
}

/** Renders changed data; `alterSearched` as in `JinjaTemplate.render`. Throws where the template refuses. */
export type Rerender = (data: TemplateData, alterSearched?: (literal: string) => string) => string

/**
 * The spans of a rendered conversation that came out of its messages and tools, as far as special tokens are
 * concerned: a special token that touches one is not the template's, and must stay text.
 *
 * The conversation is rendered a second time with the data's characters changed to ones that occur nowhere, each for
 * one, so that all keeps its place. Where that changes what the template does (it looks for something in a content), the
 * texts that it looks for stay, and where it still does, only the special-token text is changed, there and in what the
 * template looks for. A rendering counts only if it differs from the first one in nothing but the changed characters.
 * Returns null where no rendering does.
 *
 * `searched`: the texts that the template looks for.
 */
export function dataSpans(
  text: string,
  data: TemplateData,
  specials: ReadonlyMap<string, number>,
  searched: readonly string[],
  rerender: Rerender,
): TextSpan[] | null {
  if (specials.size === 0) return []
  const used = new Set(JSON.stringify([text, data.messages, data.tools]))
  const marks = unusedCharacters(used, 0xe000, 0xf8ff)
  const present = [...specials.keys()].filter((special) => mayOccur(special, data))
  const narrow = (characters: readonly string[]) => {
    const markSpecials = specialMarker(present, characters)
    const edges = edgeMarker([...specials.keys()], characters[0]!)
    return rerender(
      mapData(data, (leaf) => edges(markSpecials(leaf)), markSpecials),
      markSpecials,
    )
  }
  const markPresent = specialMarker(present, marks)
  const kept = searched.flatMap((text) => [text, markPresent(text)])
  const attempts: (() => string)[] = [
    () =>
      rerender(
        mapData(data, (leaf) => markAll(leaf, marks[0]!), markPresent),
        markPresent,
      ),
    () =>
      rerender(
        mapData(data, (leaf) => markOthers(markPresent(leaf), kept, marks[0]!), markPresent),
        markPresent,
      ),
    () => narrow(marks),
    // A template that escapes what is not ASCII (`tojson(ensure_ascii=True)`) keeps only such characters one for one.
    () => narrow(unusedCharacters(used, 0x21, 0x7e)),
  ]
  for (const attempt of attempts) {
    const spans = changedSpans(text, tryRender(attempt), used)
    if (spans !== null) return spans
  }
  return null
}

/** Changes all but what JSON escapes: quotes, backslashes, control characters and white space. */
function markAll(text: string, mark: string): string {
  return text.replace(/[^\s"\\]/g, (unit) => (unit < ' ' ? unit : mark))
}

/** The same, but for the texts in `kept`. */
function markOthers(text: string, kept: readonly string[], mark: string): string {
  const pattern = anyOf(kept.filter((item) => item !== ''))
  if (pattern === null) return markAll(text, mark)
  let marked = ''
  let from = 0
  for (const match of text.matchAll(pattern)) {
    marked += markAll(text.slice(from, match.index), mark) + match[0]
    from = match.index + match[0].length
  }
  return marked + markAll(text.slice(from), mark)
}

/** Finds any of the texts, the longest first; null where there are none. */
function anyOf(texts: readonly string[]): RegExp | null {
  if (texts.length === 0) return null
  const longestFirst = [...texts].sort((a, b) => b.length - a.length)
  return new RegExp(longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'), 'g')
}

function tryRender(render: () => string): string | null {
  try {
    return render()
  } catch {
    return null
  }
}

/** Runs of changed characters; null where anything else differs. */
function changedSpans(text: string, changed: string | null, used: ReadonlySet<string>): TextSpan[] | null {
  if (changed?.length !== text.length) return null
  const spans: [number, number][] = []
  for (let at = 0; at < text.length; at++) {
    if (changed[at] === text[at]) continue
    if (used.has(changed[at]!)) return null
    const last = spans.at(-1)
    if (last?.[1] === at) last[1] = at + 1
    else spans.push([at, at + 1])
  }
  return spans
}

/** Changes what users write: all text; of the roles and kinds that templates tell apart, special-token text only. */
function mapData(
  data: TemplateData,
  map: (text: string) => string,
  mapKey: (key: string) => string,
): TemplateData {
  const messages = data.messages.map((message) =>
    Object.fromEntries(
      Object.entries(message).map(([key, value]) => [
        key,
        key === 'role' ? mapKey(String(value)) : mapKinds(value, map, mapKey),
      ]),
    ),
  )
  return { messages, tools: data.tools && (mapStrings(data.tools, mapKey, mapKey) as unknown[]) }
}

/** Like `mapStrings`, but the `type` of parts and calls stays. */
function mapKinds(value: unknown, map: (text: string) => string, mapKey: (key: string) => string): unknown {
  if (!Array.isArray(value)) return mapStrings(value, map, mapKey)
  return value.map((item) => {
    const mapped = mapStrings(item, map, mapKey)
    if (typeof item !== 'object' || item === null || !('type' in item)) return mapped
    return { ...(mapped as object), type: mapKey(String(item.type)) }
  })
}

function mayOccur(special: string, data: TemplateData): boolean {
  let found = false
  const look = (text: string): string => {
    found ||= text.includes(special)
    return text
  }
  mapStrings([data.messages, data.tools], look, look)
  return found
}

/** Writes each special token's text, the longest first, in a character of its own. */
function specialMarker(specials: readonly string[], marks: readonly string[]): (text: string) => string {
  const pattern = anyOf(specials)
  if (pattern === null) return (text) => text
  if (marks.length < 2) throw new RangeError('no characters left to mark with')
  const characters = new Map(specials.map((text, i) => [text, marks[1 + (i % (marks.length - 1))]!]))
  return (text) => text.replace(pattern, (special) => characters.get(special)!.repeat(special.length))
}

/** Marks the beginning and the end of a text where another text beside it could complete a special token. */
function edgeMarker(specials: readonly string[], mark: string): (text: string) => string {
  const starts = new Set(specials.flatMap((text) => Array.from(text, (_, i) => text.slice(0, i)).slice(1)))
  const ends = new Set(specials.flatMap((text) => Array.from(text, (_, i) => text.slice(i)).slice(1)))
  const longest = Math.max(0, ...specials.map((text) => text.length))
  return (text) => {
    const from = text.length - text.trimStart().length
    const to = text.trimEnd().length
    let tail = 0
    let head = 0
    for (let length = 1; length < longest && from + length <= to; length++) {
      if (starts.has(text.slice(to - length, to))) tail = length
      if (ends.has(text.slice(from, from + length))) head = length
    }
    const marked = text.slice(0, from) + mark.repeat(head) + text.slice(from + head)
    return marked.slice(0, to - tail) + mark.repeat(tail) + marked.slice(to)
  }
}

/** Characters between two codes that are not used yet, 200 at most. */
function unusedCharacters(used: ReadonlySet<string>, from: number, to: number): string[] {
  const unused: string[] = []
  for (let code = from; code <= to && unused.length < 200; code++) {
    const character = String.fromCharCode(code)
    if (!used.has(character) && character !== '"' && character !== '\\') unused.push(character)
  }
  return unused
}
