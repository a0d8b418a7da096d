import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MarkdownView } from '../../demo/markdown/markdown-view'
import { chromiumOptions } from '../support/browser.ts'

const root = join(import.meta.dirname, '../../demo')
/** A page with nothing but the view under test. */
const blank = `<!doctype html><title>blank</title><script type="module">
  import { MarkdownView } from '/markdown/markdown-view.ts'
  window.freshView = () => {
    const view = new MarkdownView()
    document.body.replaceChildren(view.element)
    return view
  }
</script>`

declare global {
  interface Window {
    freshView: () => MarkdownView
  }
}

let server: ViteDevServer
let browser: Browser
let page: Page
let address: string
const requested: string[] = []

beforeAll(async () => {
  server = await createServer({
    configFile: false,
    root,
    logLevel: 'error',
    server: { host: '127.0.0.1', port: 0 },
  })
  await server.listen()
  address = server.resolvedUrls!.local[0]!
  browser = await chromium.launch(chromiumOptions())
  page = await browser.newPage()
  await page.route(`${address}blank`, (route) => route.fulfill({ contentType: 'text/html', body: blank }))
  page.on('request', (request) => requested.push(request.url()))
  await page.goto(`${address}blank`)
  await page.waitForFunction(() => 'freshView' in window)
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

/** The HTML of the source, shown after each of the given lengths of it in turn and then whole. */
function shown(source: string, lengths: readonly number[] = []): Promise<string> {
  return page.evaluate(
    ([source, lengths]) => {
      const view = window.freshView()
      for (const length of lengths) view.show(source.slice(0, length), false)
      view.show(source, true)
      return view.element.innerHTML
    },
    [source, lengths] as const,
  )
}

const everyLength = (source: string) => Array.from({ length: source.length }, (_, length) => length)

describe('Markdown from a model', () => {
  it('is the same in the end, however it grew', async () => {
    const source = [
      '# Title\n\nText with **bold**, `code`, [a link](https://a.example).\n\n- one\n- two\n  - deeper\n\n',
      '3. three\n4. four\n\n```js\nlet a = `b`\n\nlet c\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n> quoted\n\nEnd.',
    ].join('')
    await shown(source, everyLength(source))
    // Not by its HTML: attributes may have come in another order.
    const same = await page.evaluate((source) => {
      const grown = document.body.firstElementChild!
      const whole = window.freshView()
      whole.show(source, true)
      return grown.isEqualNode(whole.element)
    }, source)
    expect(same).toBe(true)
  })

  it('keeps the alignment of a table and the first number of a list', async () => {
    expect(await shown('| a | b |\n|---|--:|\n| 1 | 2 |')).toContain('<td align="right" dir="auto">2</td>')
    expect(await shown('3. three')).toContain('<ol start="3"')
  })

  it('opens links in a new tab, without an opener', async () => {
    const html = await shown('[here](https://a.example)')
    expect(html).toContain('href="https://a.example"')
    expect(html).toContain('target="_blank"')
    expect(html).toContain('rel="noopener noreferrer nofollow"')
  })

  it.each([
    '[x](javascript:alert(1))',
    '[x](data:text/html,<script>alert(1)</script>)',
    '[x](/relative)',
    '[x](vbscript:x)',
    '<javascript:alert(1)>',
  ])('makes no link of %s', async (source) => {
    expect(await shown(source)).not.toContain('href')
  })

  it.each([
    '<img src=x onerror="window.hurt = 1">',
    '<script>window.hurt = 1</script>',
    'a <b onclick="window.hurt = 1">b</b>',
    '<svg><style><img src=x onerror="window.hurt = 1"></style></svg>',
    '<iframe srcdoc="<script>parent.hurt = 1</script>"></iframe>',
    '![a](x" onerror="window.hurt = 1)',
    '```"><img src=x onerror="window.hurt = 1">\ncode\n```',
    '[a](https://a.example"onmouseover="window.hurt=1)',
  ])('shows %j as text, whole or growing', async (source) => {
    await shown(source, everyLength(source))
    const found = await page.evaluate(() => ({
      elements: document.body.querySelectorAll('img, script, svg:not([aria-hidden]), style, iframe, b')
        .length,
      handlers: [...document.body.querySelectorAll('*')].filter((each) =>
        each.getAttributeNames().some((name) => name.startsWith('on')),
      ).length,
      hurt: 'hurt' in window,
    }))
    expect(found).toEqual({ elements: 0, handlers: 0, hurt: false })
  })

  it('loads no image, but links to it', async () => {
    requested.length = 0
    expect(await shown('![a cat](https://images.example/cat.png)')).toContain('a cat (image)</a>')
    await page.waitForTimeout(100)
    expect(requested.filter((url) => url.includes('images.example'))).toEqual([])
  })

  it('leaves the nodes of finished blocks in place while the last one grows', async () => {
    const kept = await page.evaluate(() => {
      const view = window.freshView()
      view.show('First.\n\nSecond grows', false)
      const [first, text] = [
        view.element.querySelector('p'),
        view.element.querySelectorAll('p')[1]!.firstChild,
      ]
      view.show('First.\n\nSecond grows **and** grows.\n\n- more', false)
      return {
        first: view.element.querySelector('p') === first,
        text: view.element.querySelectorAll('p')[1]!.firstChild === text,
      }
    })
    expect(kept).toEqual({ first: true, text: true })
  })
})
