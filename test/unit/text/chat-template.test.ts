import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createChatTemplate } from '../../../src/text/chat-template'
import { createTokenizer } from '../../../src/text/tokenizer'
import { OctavoError } from '../../../src/util/octavo-error'
import { byteTokenizerMetadata } from './byte-tokenizer'
import {
  type GoldenConversation,
  type GoldenTemplate,
  goldenConversations,
  goldenTemplates,
  hasAllGoldenData,
} from './golden'
import { isKnown, templateDifferences, unused } from './known-differences'

/** What looks like a special token in a template: `<|…|>`, `<word>`, `[WORD]`. */
const SPECIAL = /<[|｜][^<>|｜\s]{1,30}[|｜]>|<\/?[a-z_]{3,24}>|\[\/?[A-Z_]{3,20}\]/g

function load({ template, vars }: Pick<GoldenTemplate, 'template' | 'vars'>) {
  const specials = [...new Set(template.match(SPECIAL) ?? [])]
  const metadata = byteTokenizerMetadata({ specials, bos: vars.bos_token, eos: vars.eos_token, template })
  const tokenizer = createTokenizer({ metadata })
  return { tokenizer, template: createChatTemplate({ metadata }, tokenizer) }
}

function options({ add_generation_prompt, continue_final_message, tools, kwargs }: GoldenConversation) {
  return {
    addGenerationPrompt: add_generation_prompt ?? false,
    continueFinalMessage: continue_final_message,
    tools,
    variables: kwargs,
  }
}

function attempt(run: () => string): { text: string } | { error: OctavoError } {
  try {
    return { text: run() }
  } catch (error) {
    if (error instanceof OctavoError) return { error }
    throw error
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date(2024, 6, 26, 12) })
})
afterEach(() => {
  vi.useRealTimers()
})

const differences: { family: string; id: string }[] = []

describe.each(goldenTemplates)('the chat template of $family', (golden) => {
  const { tokenizer, template } = load(golden)
  const known = (id: string) => isKnown(templateDifferences, golden.family, id)

  it('writes every conversation as the original does, or refuses it with the same words', () => {
    const wrong: unknown[] = []
    for (const [i, { id, text, error, error_kind }] of golden.cases.entries()) {
      const conversation = goldenConversations[i]!
      expect(conversation.id).toBe(id)
      const got = attempt(() => template.render(conversation.messages, options(conversation)))
      // Where Python itself failed, or the library around it, no behaviour is right.
      const same =
        text !== undefined
          ? 'text' in got && got.text === text
          : error_kind !== 'raise_exception' || ('error' in got && got.error.message.includes(error!))
      if (same) continue
      differences.push({ family: golden.family, id })
      if (!known(id)) wrong.push({ id, expected: text ?? error, got })
    }
    expect(wrong).toEqual([])
    expect(golden.cases).toHaveLength(58)
  })

  it('reads as special tokens what it wrote itself, and nothing else', () => {
    for (const conversation of goldenConversations) {
      const rendered = attempt(() => template.render(conversation.messages, options(conversation)))
      if ('error' in rendered) continue
      const { text, ids } = template.encodeChat(conversation.messages, options(conversation))
      expect(text).toBe(rendered.text)
      const detokenizer = tokenizer.detokenizer({ skipSpecialTokens: false })
      expect(ids.map((id) => detokenizer.push(id)).join('') + detokenizer.finish()).toBe(text)
      const content = JSON.stringify(conversation)
      if ([...tokenizer.specialTokens.keys()].some((special) => content.includes(special))) continue
      expect(ids).toEqual(tokenizer.encode(text, { special: true, addBos: false }))
    }
  })
})

if (hasAllGoldenData) {
  describe('the known differences', () => {
    it('are all still there', () => {
      expect(unused(templateDifferences, differences)).toEqual([])
    })
  })
}

const hello = [{ role: 'user', content: 'Hello' }]
const chatml =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

describe('a chat template', () => {
  const refusal = (template: string | undefined, messages: readonly { role: string }[] = hello) => {
    const metadata = byteTokenizerMetadata({ template })
    const chat = createChatTemplate({ metadata }, createTokenizer({ metadata }))
    const got = attempt(() => chat.render(messages, { addGenerationPrompt: true }))
    return 'error' in got ? { code: got.error.code, message: got.error.message } : got
  }

  it('that raises an exception is an error with its words', () => {
    expect(refusal("{{ raise_exception('Roles must alternate!') }}")).toEqual({
      code: 'invalid-request',
      message: "The model's chat template refused the conversation: Roles must alternate!",
    })
  })

  it('that the file does not have is named', () => {
    expect(refusal(undefined)).toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('tokenizer.chat_template'),
    })
  })

  it('that does not parse says so when it is used', () => {
    expect(refusal('{% for m in %}')).toMatchObject({
      code: 'malformed-file',
      message: expect.stringContaining('tokenizer.chat_template'),
    })
  })

  const endless = {
    'counts to a thousand millions': '{% for i in range(1000000000) %}x{% endfor %}',
    'has loops within loops':
      '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}',
    'doubles a text again and again':
      "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    'doubles a list again and again':
      '{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}',
    'calls itself': '{% macro again(f) %}{{ f(f) }}{% endmacro %}{{ again(again) }}',
    'is nested deeply': `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`,
    'indents without end': "{{ 'x\ny' | indent(2000000000) }}",
  }
  it.each(Object.entries(endless))('that %s is refused in bounded time', (_, template) => {
    const begin = process.cpuUsage()
    expect(refusal(template)).toMatchObject({ code: 'malformed-file' })
    expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(10)
  })

  it('may ask for the date', () => {
    expect(refusal("{{ strftime_now('%d %b %Y') }}")).toEqual({ text: '26 Jul 2024' })
    expect(refusal("{{ strftime_now('%Y-%m-%d') }}")).toEqual({ text: '2024-07-26' })
  })

  it('sees Python’s range', () => {
    expect(refusal('{{ range(3) }}{{ range(1, 8, 3) }}{{ range(3, 0, -1) }}{{ range(5, 1) }}')).toEqual({
      text: '[0, 1, 2][1, 4, 7][3, 2, 1][]',
    })
    expect(refusal('{{ range(1, 2, 0) }}')).toMatchObject({ message: expect.stringContaining('step') })
  })

  it('is given the tools’ own template where the file has one', () => {
    const metadata = byteTokenizerMetadata({
      template: 'plain',
      more: { 'tokenizer.chat_template.tool_use': 'tools' },
    })
    const chat = createChatTemplate({ metadata }, createTokenizer({ metadata }))
    expect(chat.render(hello, { addGenerationPrompt: false })).toBe('plain')
    expect(chat.render(hello, { addGenerationPrompt: false, tools: [{}] })).toBe('tools')
  })

  const repo = (chatTemplate: string | null, tokenizerConfig: Record<string, unknown> | null) =>
    createChatTemplate(
      { kind: 'safetensors', texts: { chatTemplate, tokenizerConfig } },
      createTokenizer({ metadata: byteTokenizerMetadata() }),
    )
  const plainly = { addGenerationPrompt: false }

  it('of a repo comes from chat_template.jinja, else from tokenizer_config.json', () => {
    const config = {
      bos_token: { content: '<s>' },
      eos_token: '</s>',
      unk_token: null,
      chat_template: 'config',
    }
    expect(repo('{{ bos_token }}{{ eos_token }}{{ unk_token }}', config).render(hello, plainly)).toBe(
      '<s></s>',
    )
    expect(repo(null, config).render(hello, plainly)).toBe('config')
    expect(() => repo(null, null).render(hello, plainly)).toThrow(/chat_template.jinja/)
  })

  it('of a repo may be one of several by name', () => {
    const chat_template = [
      { name: 'default', template: 'plain' },
      { name: 'tool_use', template: 'tools' },
    ]
    const chat = repo(null, { chat_template })
    expect(chat.render(hello, plainly)).toBe('plain')
    expect(chat.render(hello, { ...plainly, tools: [{}] })).toBe('tools')
    expect(() => repo(null, { chat_template: [null, 'x', {}] }).render(hello, plainly)).toThrow(
      /no chat template/,
    )
  })

  it('gets a text as a part, where it reads parts only', () => {
    const vision =
      "{% for m in messages %}{{ m.role }}:{% for p in m['content'] %}{% if p['type'] == 'text' %}{{ p['text'] }}{% endif %}{% endfor %};{% endfor %}"
    expect(refusal(vision)).toEqual({ text: 'user:Hello;' })
    const parts = [{ role: 'user', content: [{ type: 'text', text: 'Good day' }] }]
    expect(refusal(vision, parts)).toEqual({ text: 'user:Good day;' })
    // One that reads either gets what it is given.
    const either = `{% for m in messages %}{% if m.content is string %}"{{ m.content }}"{% else %}{{ m.content[0].text }}{% endif %}{% endfor %}`
    expect(refusal(either)).toEqual({ text: '"Hello"' })
    expect(refusal(either, parts)).toEqual({ text: 'Good day' })
  })

  it('gets no content that is not text, where it wants text', () => {
    const image = { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }
    expect(refusal(chatml, [image])).toMatchObject({
      code: 'unsupported-field',
      message: expect.stringContaining("'image_url'"),
    })
    const parts = { role: 'user', content: [{ type: 'text', text: 'a' }, 'b'] }
    expect(refusal(chatml, [parts])).toEqual({
      text: '<|im_start|>user\na\nb<|im_end|>\n<|im_start|>assistant\n',
    })
  })
})
