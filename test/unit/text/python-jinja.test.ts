import { describe, expect, it } from 'vitest'
import { parseTemplate } from '../../../src/text/jinja'
import { strftime } from '../../../src/text/strftime'

const render = (template: string, variables: Record<string, unknown> = {}) =>
  parseTemplate(template, 'a test').render(variables)

describe('a template that would take minutes', () => {
  it('finds what is unique in one walk', () => {
    expect(render('{{ range(100000) | unique | list | length }}')).toBe('100000')
    expect(render("{{ [1, 1.0, true, '1', [1], [1.0], {'a': 1}, {'a': 1}] | unique | list }}")).toBe(
      "[1, '1', [1], {'a': 1}]",
    )
  })

  it('is ended before it walks over millions of characters', () => {
    expect(() => render("{% for c in 'a' * 16000000 %}{% endfor %}")).toThrow(
      /walks over a text of more than/,
    )
  })
})

/** Expected texts are jinja2 3.1.6's, in a sandbox with trim_blocks and lstrip_blocks. */
describe('a template’s expressions mean what they mean in Python', () => {
  it.each([
    [
      "{{ [1, 1.0, 0.0000001, true, none, 'a', \"it's\", {'k': [2]}, (1, 2)] }}",
      "[1, 1.0, 1e-07, True, None, 'a', \"it's\", {'k': [2]}, (1, 2)]",
    ],
    ['{{ none }}|{{ true }}|{{ absent }}|{{ 2.50 }}', 'None|True||2.5'],
    ["{{ 'a\\n\\tb' | list }}", "['a', '\\n', '\\t', 'b']"],
    [
      '{{ absent | trim }}|{{ absent | length }}|{{ absent | list }}|{{ none | string }}|{{ [1] | trim }}',
      '|0|[]|None|[1]',
    ],
    ["{{ '\\n a \\n'.lstrip('\\n') }}|{{ 'xxaxx'.strip('x') }}|{{ 'ab'.rstrip('ab') }}", ' a \n|a|'],
    ["{{ 'a.b.c'.rsplit('.', 1) }}{{ 'a.b'.find('b') }}{{ 'x'.find('y') }}", "['a.b', 'c']2-1"],
    ["{{ [3, 1, 2] | min }}{{ ['b', 'A'] | max }}{{ [1, 2] | sum }}", '1b3'],
    [
      "{% for k, v in {10: 'x', 9: 'y'} | dictsort %}{{ k + 1 }}{{ v }}{% endfor %}{{ {16: 1}[16] }}",
      '10y11x1',
    ],
    [
      "{{ '' == false }}{{ 0 == '0' }}{{ [1] == [1.0] }}{{ {'a': 1} == {'a': 1} }}{{ none == absent }}",
      'FalseFalseTrueTrueFalse',
    ],
    ["{{ 'a' < 'b' }}{{ [1] in [[1]] }}{{ 'x' not in {'x': 1} }}", 'TrueTrueFalse'],
    [
      "{{ none | selectattr('a') | list }}{{ [{'a': 1}, {}] | selectattr('a', 'defined') | list }}",
      "[][{'a': 1}]",
    ],
    [
      "{{ [' a '] | map('trim') | join(',') }}{{ [{'a': 1}, {}] | map(attribute='a', default=0) | list }}",
      'a[1, 0]',
    ],
    ["{% for c in 'ab' %}{{ c }},{% endfor %}{% for x in absent %}x{% endfor %}", 'a,b,'],
    ["{{ '' | default('x') }}{{ '' | default('x', true) }}{{ absent | default('y') }}", 'xy'],
    ["{{ '<b>' | safe + '<' }}{{ 'é' | length }}{{ 'a' ~ none ~ 1.0 }}", '<b>&lt;1aNone1.0'],
    ['{{ absent is iterable }}{{ {} is iterable }}{{ {} is mapping }}{{ 1.5 is float }}', 'TrueTrueTrueTrue'],
    ["{{ '12' | int + '3.7' | int + 'x' | int(5) }}{{ 'aBC' | capitalize }}", '20Abc'],
    ["{{ 'ab' * 2 }}{{ 'a,b'.split(',') | last }}{{ [] | first }}", 'ababb'],
  ])('%s', (template, text) => {
    expect(render(template)).toBe(text)
  })

  it.each(["{{ 'a' + 1 }}", "{{ 'a' + none }}", '{{ 1 in 5 }}', "{{ 1 < 'a' }}"])(
    'refuses %s',
    (template) => {
      expect(() => render(template)).toThrow(/refused/)
    },
  )

  it('leaves a macro its extra arguments', () => {
    expect(render('{% macro m() %}{{ varargs | length }}{{ kwargs }}{% endmacro %}{{ m(1, a=2) }}')).toBe(
      "1{'a': 2}",
    )
  })
})

describe('a template’s date', () => {
  it('is in English, whatever the page’s language is', () => {
    const date = new Date(2024, 0, 7, 15, 4, 5)
    expect(strftime(date, '%d %b %Y|%B %-d|%A %a|%H:%M:%S|%I %p|%y-%m|%%|%Q')).toBe(
      '07 Jan 2024|January 7|Sunday Sun|15:04:05|03 PM|24-01|%|%Q',
    )
  })
})
