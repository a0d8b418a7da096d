import DOMPurify from 'dompurify'
import { Marked } from 'marked'
import { element, iconButton } from '../element'

/**
 * Markdown to nodes. HTML in the text is shown as text; images become links to them, so that nothing loads by itself;
 * what marked makes is sanitized all the same.
 */
export function renderMarkdown(source: string): DocumentFragment {
  const html = marked.parse(source, { async: false })
  const fragment = DOMPurify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    ALLOWED_TAGS: [...tags],
    ALLOWED_ATTR: ['href', 'title', 'start', 'align', 'class'],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
    // Other attributes are held against the pattern for addresses too.
    ADD_URI_SAFE_ATTR: ['align', 'start'],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  })
  finishLinks(fragment)
  // Each block has the direction of its own text; a list as a whole, for its marks to stand on the right side.
  for (const block of fragment.querySelectorAll('p, ul, ol, blockquote, h1, h2, h3, h4, h5, h6, td, th')) {
    block.setAttribute('dir', 'auto')
  }
  for (const pre of fragment.querySelectorAll('pre')) pre.replaceWith(codeFigure(pre))
  for (const table of fragment.querySelectorAll('table')) {
    const region = element('div', { class: 'table', role: 'region', 'aria-label': 'Table', tabindex: '0' })
    table.replaceWith(region)
    region.append(table)
  }
  return fragment
}

const tags = [
  ...['p', 'br', 'hr', 'blockquote', 'ul', 'ol', 'li', 'pre', 'code', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6'],
  ...['strong', 'em', 'del', 'a', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
]

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escapeHtml(text),
    image({ href, text }) {
      return `<a href="${escapeHtml(href)}">${escapeHtml(text || 'image')} (image)</a>`
    },
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
})

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

function finishLinks(fragment: DocumentFragment): void {
  for (const link of fragment.querySelectorAll('a')) {
    if (link.hasAttribute('href')) {
      link.target = '_blank'
      link.rel = 'noopener noreferrer nofollow'
    } else {
      // A relative or a refused address: the words stay.
      link.replaceWith(...link.childNodes)
    }
  }
}

/** Code with its language and a button to copy it; the conversation listens for the button. */
function codeFigure(pre: HTMLPreElement): HTMLElement {
  const language = /language-(\S+)/.exec(pre.firstElementChild?.className ?? '')?.[1] ?? 'text'
  const copy = iconButton('Copy code', 'copy', () => {})
  copy.dataset.action = 'copy-code'
  const figure = element('figure', { class: 'code' }, element('figcaption', {}, language, copy))
  pre.setAttribute('dir', 'ltr')
  pre.tabIndex = 0
  figure.append(pre.cloneNode(true))
  return figure
}
