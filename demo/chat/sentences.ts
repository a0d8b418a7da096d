const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' })

/**
 * The sentences that are finished in Markdown that still grows, as one would read them aloud.
 *
 * @param from where the last call ended.
 * @param whole nothing will follow: the rest counts as finished.
 */
export function finishedSentences(
  markdown: string,
  from: number,
  whole: boolean,
): { readonly sentences: readonly string[]; readonly end: number } {
  const rest = markdown.slice(from)
  // Code is not read out word by word; an open block of it waits for its end.
  const fence = rest.search(/^[ \t]*(?:```|~~~)/m)
  if (fence === 0) {
    const closing = /\n[ \t]*(?:```|~~~)[ \t]*(?:\n|$)/.exec(rest)
    if (!closing && !whole) return { sentences: [], end: from }
    const end = closing ? from + closing.index + closing[0].length : markdown.length
    const after = finishedSentences(markdown, end, whole)
    return { sentences: ['A block of code.', ...after.sentences], end: after.end }
  }
  const prose = fence < 0 ? rest : rest.slice(0, fence)
  const segments = [...segmenter.segment(prose)].map(({ segment }) => segment)
  if (!whole && fence < 0) segments.pop()
  const end = from + segments.reduce((sum, segment) => sum + segment.length, 0)
  const sentences = segments.map(spoken).filter((sentence) => sentence !== '')
  if (fence < 0) return { sentences, end }
  const after = finishedSentences(markdown, end, whole)
  return { sentences: [...sentences, ...after.sentences], end: after.end }
}

/** Without the marks of Markdown. */
function spoken(sentence: string): string {
  return sentence
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/^[ \t]*(?:#{1,6}|[-*+>]|\|)[ \t]+/gm, '')
    .replaceAll(/\|?[ \t]*:?-{3,}:?[ \t]*\|?/g, ' ')
    .replaceAll(/[*_`|~]+/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
}
