import { Marked } from 'marked'
import { describe, expect, it } from 'vitest'
import { closeProvisionally } from '../../../demo/markdown/provisional'

const marked = new Marked({ gfm: true, breaks: true })
const html = (source: string) => marked.parse(closeProvisionally(source), { async: false })

describe('closing what a growing block of Markdown leaves open', () => {
  it.each([
    ['**bol', '**bol**'],
    ['a **bold and *both', 'a **bold and *both***'],
    ['a **bold ', 'a **bold**'],
    ['a **bold*', 'a **bold**'],
    ['***all', '***all***'],
    ['~~gone', '~~gone~~'],
    ['an _emph', 'an _emph_'],
    ['`co', '`co`'],
    ['``a ` b', '``a ` b``'],
    ['**see `co', '**see `co`**'],
  ])('closes %j as %j', (source, closed) => {
    expect(closeProvisionally(source)).toBe(closed)
  })

  it.each([
    'a **bold** word',
    '`code` and *more*',
    'snake_case_name',
    '2 * 3 * 4',
    'a \\*star',
    '[link](https://a.b)',
  ])('leaves %j as it is', (source) => {
    expect(closeProvisionally(source)).toBe(source)
  })

  it.each([
    ['text **', 'text '],
    ['text\n-', 'text\n'],
    ['text\n--', 'text\n'],
    ['#', ''],
    ['1.', ''],
    ['- one\n- ', '- one\n'],
    ['text\n``', 'text\n'],
  ])('holds back the marks at the end of %j', (source, shown) => {
    expect(closeProvisionally(source)).toBe(shown)
  })

  it('shows the label of a link whose address is still coming, and nothing of an image', () => {
    expect(closeProvisionally('see [the page](https://exa')).toBe('see the page')
    expect(closeProvisionally('see ![a cat](https://exa')).toBe('see ')
    expect(closeProvisionally('see ![a c')).toBe('see ')
  })

  it('does not close marks inside an open fence, and hides half a closing mark', () => {
    expect(closeProvisionally('```js\nconst a = b * **c')).toBe('```js\nconst a = b * **c')
    expect(closeProvisionally('```js\nlet a\n``')).toBe('```js\nlet a\n')
    expect(closeProvisionally('~~~\n- \n~~')).toBe('~~~\n- \n')
  })

  it('keeps the language of a fence back until its line is whole', () => {
    expect(closeProvisionally('```pyt')).toBe('```')
    expect(closeProvisionally('```python\n')).toBe('```python\n')
  })

  it('shows a table from its first line', () => {
    expect(html('| Way | Cost')).toContain('<table>')
    expect(html('| Way | Cost |\n|-')).toContain('<table>')
    expect(html('| Way | Cost |\n|---|---|\n| Wind | lo')).toContain('<td>lo</td>')
  })

  it('closes emphasis in the last item of a list only', () => {
    expect(closeProvisionally('- 2 * 3\n- **two')).toBe('- 2 * 3\n- **two**')
  })

  it('never shows a mark of emphasis as text while well-formed Markdown grows', () => {
    const source = 'An **important** point, *well* said, with `code` and **a *nested* one**. Done ~~now~~.'
    for (let end = 1; end <= source.length; end++) {
      const text = html(source.slice(0, end)).replaceAll(/<[^>]*>/g, '')
      expect(text, source.slice(0, end)).not.toMatch(/[*`~]/)
    }
  })
})
