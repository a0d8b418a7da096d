import { describe, expect, it } from 'vitest'
import { splitBlocks } from '../../../demo/markdown/blocks'

const document = [
  '# Title\n\nA paragraph\nof two lines.\n\n',
  '- one\n- two\n\n  more of two\n\n1. first\n2. second\n\n',
  '```js\nlet a = 1\n\nlet b = 2\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n\nThe end.',
].join('')

describe('splitting growing Markdown into blocks', () => {
  it('loses no character', () => {
    for (let end = 0; end <= document.length; end++) {
      const source = document.slice(0, end)
      const { settled, open } = splitBlocks(source)
      expect(settled.join('') + open).toBe(source)
    }
  })

  it('never takes back a block that it called settled', () => {
    let before: readonly string[] = []
    for (let end = 0; end <= document.length; end++) {
      const { settled } = splitBlocks(document.slice(0, end))
      expect(settled.slice(0, before.length)).toEqual(before)
      before = settled
    }
    expect(before.map((block) => block.trim().split('\n')[0])).toEqual([
      '# Title',
      'A paragraph',
      '- one',
      '1. first',
      '```js',
      '| a | b |',
      '> quoted',
    ])
  })

  it('keeps a list open while the next line may still be an item of it', () => {
    expect(splitBlocks('- one\n\n-').settled).toEqual([])
    expect(splitBlocks('1. one\n\n2').settled).toEqual([])
    expect(splitBlocks('- one\n\nText').settled).toEqual(['- one\n\n'])
  })

  it('keeps an open fence whole, whatever is in it', () => {
    expect(splitBlocks('```\n# no title\n\n- no list\n\n').settled).toEqual([])
  })
})
