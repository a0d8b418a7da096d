/**
 * Closes what a growing block of Markdown has left open and holds back what cannot be read yet, so that nothing that
 * is shown changes its kind when the next characters come: `**bol` is shown bold, a table from its first line, the
 * first two backticks of a fence not at all.
 */
export function closeProvisionally(source: string): string {
  const fence = openFence(source)
  if (fence) return closeFence(source, fence)
  const shown = source.replace(/(^|\n)[ \t]*(?:[-*+_=~`#>|]+|\d{1,3}[.)]?)[ \t]*$/, '$1')
  const table = closeTable(shown)
  if (table !== null) return table
  const start = lastInlineStart(shown)
  return shown.slice(0, start) + closeInline(shown.slice(start))
}

interface Fence {
  readonly mark: string
  /** Where its opening line begins. */
  readonly at: number
}

function openFence(source: string): Fence | null {
  let open: Fence | null = null
  let at = 0
  for (const line of source.split('\n')) {
    const mark = /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})([^\n]*)$/.exec(line)
    if (open) {
      if (mark?.[1]?.startsWith(open.mark) && mark[2]?.trim() === '') open = null
    } else if (mark && !(mark[1]!.startsWith('`') && mark[2]!.includes('`'))) {
      open = { mark: mark[1]!, at }
    }
    at += line.length + 1
  }
  return open
}

/** marked ends an open fence at the text's end; what would flicker is a half-written language or closing mark. */
function closeFence(source: string, { mark, at }: Fence): string {
  const onOpeningLine = !source.slice(at).includes('\n')
  if (onOpeningLine) return source.slice(0, source.indexOf(mark, at) + mark.length)
  return source.replace(mark.startsWith('`') ? /\n[ \t]*`+$/ : /\n[ \t]*~+$/, '\n')
}

/** A table is known by its second line; until that is whole, one is supplied. Null: not a table's beginning. */
function closeTable(source: string): string | null {
  const start = source.lastIndexOf('\n\n') + 1
  const lines = source.slice(start).replace(/^\n/, '').replace(/\n$/, '').split('\n')
  const [header, delimiter = ''] = lines
  if (lines.length > 2 || !header!.trimStart().startsWith('|') || !/^[\s|:-]*$/.test(delimiter)) return null
  const row = /\|\s*$/.test(header!) && header!.trim() !== '|' ? header!.trim() : `${header!.trim()} |`
  const columns = row.replaceAll('\\|', '').split('|').length - 2
  const before = source.slice(0, source.lastIndexOf(header!))
  return `${before}${row}\n|${' --- |'.repeat(columns)}`
}

/** Emphasis cannot reach back over an empty line, a list's item, a heading or a table's row. */
function lastInlineStart(source: string): number {
  let start = 0
  let at = 0
  for (const line of source.split('\n')) {
    if (line.trim() === '' || /^[ \t>]*(?:[-*+]|\d{1,9}[.)]|#{1,6})[ \t]|^[ \t]*\|/.test(line)) start = at
    at += line.length + 1
  }
  const marker = /^[ \t>]*(?:[-*+]|\d{1,9}[.)]|#{1,6})[ \t]+/.exec(source.slice(start))
  return start + (marker?.[0].length ?? 0)
}

interface OpenMark {
  readonly mark: '*' | '_' | '~'
  readonly length: number
}

function closeInline(text: string): string {
  const open: OpenMark[] = []
  let at = 0
  while (at < text.length) {
    const c = text[at]!
    if (c === '\\') {
      at += 2
    } else if (c === '`') {
      const run = runLength(text, at)
      const end = closingTicks(text, at + run, run)
      if (end === null) return closeCode(text, at, run, open)
      at = end
    } else if (c === '[' || (c === '!' && text[at + 1] === '[')) {
      const rest = unfinishedLink(text, at)
      if (rest !== null) return withClosers(text.slice(0, at) + rest, open)
      at += 1
    } else if (c === '*' || c === '_' || c === '~') {
      const run = runLength(text, at)
      if (at + run === text.length && !closesAll(text, at, run, open)) {
        return withClosers(text.slice(0, at), open)
      }
      readMarks(text, at, run, c, open)
      at += run
    } else {
      at += 1
    }
  }
  return withClosers(text, open)
}

function runLength(text: string, at: number): number {
  let end = at
  while (text[end] === text[at]) end++
  return end - at
}

function closingTicks(text: string, from: number, run: number): number | null {
  for (let at = text.indexOf('`', from); at >= 0; at = text.indexOf('`', at)) {
    const length = runLength(text, at)
    at += length
    if (length === run) return at
  }
  return null
}

function closeCode(text: string, at: number, run: number, open: readonly OpenMark[]): string {
  const content = text.slice(at + run).replace(/`+$/, '')
  if (content.trim() === '') return withClosers(text.slice(0, at), open)
  return closers(`${text.slice(0, at + run)}${content}${'`'.repeat(run)}`, open)
}

/** What to show of a link whose address is still coming: its label. Of an image: nothing. Null: it is whole, or none. */
function unfinishedLink(text: string, at: number): string | null {
  const image = text[at] === '!'
  const label = at + (image ? 2 : 1)
  const middle = text.indexOf('](', label)
  if (middle < 0) return image && !text.slice(label).includes(']') ? '' : null
  if (text.slice(label, middle).includes(']') || text.indexOf(')', middle) >= 0) return null
  return image ? '' : text.slice(label, middle)
}

/** Whether a run at the end of the text closes just what it can close. */
function closesAll(text: string, at: number, run: number, open: readonly OpenMark[]): boolean {
  const last = open.at(-1)
  return (
    last !== undefined && last.mark === text[at] && last.length === run && !/\s/.test(text[at - 1] ?? ' ')
  )
}

function readMarks(text: string, at: number, run: number, mark: OpenMark['mark'], open: OpenMark[]): void {
  const before = text[at - 1] ?? ' '
  const after = text[at + run] ?? ' '
  const word = /[\p{L}\p{N}]/u
  const canClose = !/\s/.test(before) && (mark !== '_' || !word.test(after))
  const canOpen = !/\s/.test(after) && (mark !== '_' || !word.test(before)) && (mark !== '~' || run === 2)
  let left = run
  for (let last = open.at(-1); canClose && last?.mark === mark && last.length <= left; last = open.at(-1)) {
    open.pop()
    left -= last.length
  }
  if (!canOpen || left === 0 || left > 3) return
  if (left === 3) open.push({ mark, length: 1 }, { mark, length: 2 })
  else open.push({ mark, length: left })
}

/** Text, then the marks that close it, innermost first; a mark after a space would not close. */
function withClosers(text: string, open: readonly OpenMark[]): string {
  return open.length === 0 ? text : closers(text.trimEnd(), open)
}

function closers(text: string, open: readonly OpenMark[]): string {
  return open.reduceRight((closed, { mark, length }) => closed + mark.repeat(length), text)
}
