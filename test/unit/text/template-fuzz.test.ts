import { describe, expect, it } from 'vitest'
import { createChatTemplate } from '../../../src/text/chat-template'
import { createTokenizer } from '../../../src/text/tokenizer'
import { OctavoError } from '../../../src/util/octavo-error'
import { Random } from '../../support/gpu-random'
import { byteTokenizerMetadata } from './byte-tokenizer'
import { goldenConversations, goldenTemplates } from './golden'

const tokenizer = createTokenizer({ metadata: byteTokenizerMetadata() })

function render(template: string, index = 0): string | OctavoError {
  const { messages, tools } = goldenConversations[index]!
  try {
    const metadata = new Map([['tokenizer.chat_template', template]])
    return createChatTemplate({ metadata }, tokenizer).encodeChat(messages, {
      addGenerationPrompt: true,
      tools: tools ?? null,
    }).text
  } catch (error) {
    if (error instanceof OctavoError) return error
    throw error
  }
}

const PIECES = [
  '{%',
  '%}',
  '{{',
  '}}',
  '{#',
  '(',
  ')',
  '[',
  ']',
  "'",
  '| list',
  '| tojson',
  '| join',
  '* 999999999',
  '~ messages',
  '+ messages',
  '[::-1]',
  '{% for x in range(99999) %}',
  '{% endfor %}',
  '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
  'messages',
  '.__proto__',
  '.constructor',
  'none',
  '9.9',
  'namespace(a=messages)',
]

/** One or two faults: a part left out, doubled, moved, or something strange put in. */
function mutate(template: string, random: Random): string {
  let text = template
  for (let faults = 1 + random.integer(2); faults > 0; faults--) {
    const at = random.integer(text.length + 1)
    const part = text.slice(at, at + 1 + random.integer(30))
    const to = random.integer(text.length + 1)
    const without = text.slice(0, at) + text.slice(at + part.length)
    const piece = PIECES[random.integer(PIECES.length)]!
    const mutated = [
      without,
      text.slice(0, at) + part + text.slice(at),
      without.slice(0, to) + part + without.slice(to),
      text.slice(0, at) + piece + text.slice(at),
      text.slice(0, at) + piece + text.slice(at + part.length),
    ]
    text = mutated[random.integer(mutated.length)]!
  }
  return text
}

describe('a chat template that nobody has vouched for', () => {
  it('ends in a rendering or an OctavoError, within a second, whatever 500 mutations make of it', () => {
    const random = new Random(5)
    const ends = { rendered: 0, refused: 0 }
    for (let i = 0; i < 500; i++) {
      const template = mutate(goldenTemplates[i % goldenTemplates.length]!.template, random)
      const begin = process.cpuUsage().user
      const end = render(template, random.integer(goldenConversations.length))
      expect((process.cpuUsage().user - begin) / 1e6, template).toBeLessThan(1)
      ends[typeof end === 'string' ? 'rendered' : 'refused']++
    }
    expect(Math.min(ends.rendered, ends.refused)).toBeGreaterThan(50)
  })

  it.each([
    "{{ ''.constructor }}",
    "{{ ''['__proto__'] }}",
    '{{ messages.constructor }}',
    '{{ messages[0].__proto__ }}',
    "{{ messages[0]['hasOwnProperty'] }}",
    '{{ namespace().constructor }}',
    "{{ {'a': 1}.toString }}",
    '{{ (1).constructor }}',
    '{{ globalThis }}{{ process }}{{ self }}',
  ])('reaches no property of JavaScript’s own: %s', (template) => {
    expect(render(template)).toBe('')
  })

  const oversized = {
    'a text of 10^15 characters by repetition': "{{ ('x' * 10000000) * 100000000 }}",
    'a text of 10^14 characters by replacement': "{{ ('x' * 10000000) | replace('x', 'y' * 10000000) }}",
    'a text of 10^14 characters by join': "{{ range(99999) | join('x' * 10000000) }}",
    '2^60 values in lists within lists':
      '{% set n = namespace(l=[1], m=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% set n.m = [n.m, n.m] %}{% endfor %}',
  }
  it.each(Object.entries(oversized))('makes no %s', (_, template) => {
    for (const end of ['', '{{ n.l | tojson }}', '{{ n.l }}', "{{ n.l ~ '' }}", '{{ n.l == n.m }}']) {
      const rendered = render(template + end)
      if (end === '' && template.includes('n.l')) expect(rendered).toBe('')
      else expect(rendered).toMatchObject({ code: 'malformed-file' })
    }
  })
})
