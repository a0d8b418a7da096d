import { Template } from '@huggingface/jinja'
import { OctavoError } from '../util/octavo-error'
import { renderBounded } from './bounded-interpreter'
import { TemplateLimitError } from './jinja-values'
import { type SyntaxNode, walkTree } from './syntax-node'

type Variables = Readonly<Record<string, unknown>>

/** Methods and filters whose text arguments are looked for, not written. */
const SEARCHES = [
  'split',
  'rsplit',
  'startswith',
  'endswith',
  'strip',
  'lstrip',
  'rstrip',
  'find',
  'count',
  'replace',
]

/** A literal of the template and what it said before it was changed. */
interface SearchedLiteral {
  readonly node: SyntaxNode
  readonly text: string
}

/** A Jinja template of a model's file. */
export interface JinjaTemplate {
  /** The literals that the template compares its data with or searches for in them. */
  searchedTexts(): readonly string[]
  /**
   * Fills the template in. `alterSearched` changes the literals that the template only compares with or searches for
   * in its data (`'</think>' in content`), so that they still match data that was changed in the same way.
   */
  render(variables: Variables, alterSearched?: (literal: string) => string): string
}

/** Parses a chat template; throws OctavoError `malformed-file`. `place`: where it stood, for errors. */
export function parseTemplate(source: string, place: string): JinjaTemplate {
  const template = parse(source, place)
  /** A second tree, whose searched literals may be changed. */
  let copy: { template: Template; literals: readonly SearchedLiteral[] } | null = null
  const searched = () => {
    if (copy === null) {
      const second = parse(source, place)
      const nodes = [...searchedLiterals(second.parsed)]
      copy = { template: second, literals: nodes.map((node) => ({ node, text: String(node.value) })) }
    }
    return copy
  }
  const altered = (alter: (literal: string) => string): Template => {
    for (const { node, text } of searched().literals) node.value = alter(text)
    return searched().template
  }
  return {
    searchedTexts: () => searched().literals.map(({ text }) => text),
    render(variables, alterSearched) {
      try {
        return renderBounded(alterSearched ? altered(alterSearched) : template, variables)
      } catch (cause) {
        if (cause instanceof TemplateLimitError || cause instanceof RangeError) throw unreadable(cause, place)
        throw new OctavoError(
          'invalid-request',
          `The model's chat template refused the conversation: ${messageOf(cause)}`,
          'Change the messages to what this model takes (order of roles, kinds of content, tools).',
          { cause },
        )
      }
    },
  }
}

function parse(source: string, place: string): Template {
  try {
    return new Template(source)
  } catch (cause) {
    throw unreadable(cause, place)
  }
}

function unreadable(cause: unknown, place: string): OctavoError {
  return new OctavoError(
    'malformed-file',
    `The model's chat template (${place}) cannot be used: ${messageOf(cause)}.`,
    'Choose another file of this model, or use completions with a prompt of your own.',
    { cause },
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** String literals beside `in`, `==`, … and in the arguments of searching methods. */
function searchedLiterals(root: unknown): Set<SyntaxNode> {
  const found = new Set<SyntaxNode>()
  const add = (node: SyntaxNode | undefined): void => {
    if (node?.type === 'StringLiteral') found.add(node)
    if (node?.type === 'ArrayLiteral' || node?.type === 'TupleLiteral')
      for (const item of node.value as SyntaxNode[]) add(item)
  }
  walkTree(root, (node) => {
    if (node.type === 'BinaryExpression' && ['in', 'not in', '==', '!='].includes(node.operator!.value)) {
      add(node.left)
      add(node.right)
    }
    if (node.type !== 'CallExpression') return
    const name = String((node.callee?.property ?? node.callee)?.value)
    if (SEARCHES.includes(name))
      for (const arg of name === 'replace' ? node.args!.slice(0, 1) : node.args!) add(arg)
  })
  return found
}
