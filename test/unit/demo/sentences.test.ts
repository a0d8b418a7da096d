import { describe, expect, it } from 'vitest'
import { finishedSentences } from '../../../demo/chat/sentences'

/** What is said of a text that grows by so many characters at a time. */
function said(markdown: string, step: number): string[] {
  const sentences: string[] = []
  let from = 0
  for (let length = step; length < markdown.length + step; length += step) {
    const whole = length >= markdown.length
    const { sentences: more, end } = finishedSentences(markdown.slice(0, length), from, whole)
    sentences.push(...more)
    from = end
  }
  return sentences
}

describe('what a screen reader is told of an answer', () => {
  it('says sentences once each, when they are finished', () => {
    expect(said('The sky is blue. Why is that? Light scatters', 1)).toEqual([
      'The sky is blue.',
      'Why is that?',
      'Light scatters',
    ])
  })

  it('says nothing of a sentence that is still growing', () => {
    expect(finishedSentences('The sky is bl', 0, false)).toEqual({ sentences: [], end: 0 })
  })

  it('leaves the marks of Markdown out', () => {
    expect(said('## A title\n\nSee **the** [page](https://a.b) with `code`.', 3)).toEqual([
      'A title',
      'See the page with code.',
    ])
  })

  it.each([1, 7, 1000])('says that there is code, not the code, growing by %i', (step) => {
    expect(said('Look here:\n\n```js\nlet a = 1. Or 2.\n```\n\nThat is all.', step)).toEqual([
      'Look here:',
      'A block of code.',
      'That is all.',
    ])
  })
})
