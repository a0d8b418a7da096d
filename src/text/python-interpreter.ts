import { Interpreter, type Template } from '@huggingface/jinja'
import { filterNamed, isIn, testNamed } from './jinja-filters'
import {
  boolean,
  compare,
  entriesOf,
  equal,
  isMissing,
  itemsOf,
  iterate,
  keyText,
  list,
  mapping,
  missing,
  type Scope,
  text,
  textOf,
  type Value,
} from './jinja-values'
import { checkSize, pythonText } from './python-text'
import { repeatText, stringMethod } from './string-methods'
import { type SyntaxNode, walkTree } from './syntax-node'

/** Statements; what else stands in a block is an expression, whose value is printed. */
const STATEMENTS = [
  'Set',
  'If',
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Comment',
  'Break',
  'Continue',
]

/** A node that stands for a value that has been computed already, for the library to go on with. */
class Computed {
  readonly type = 'Computed'
  constructor(readonly result: Value) {}
}

type Statement = Parameters<Interpreter['evaluate']>[0]

/**
 * The library's interpreter with Python's meaning of what the library has otherwise: what is printed, compared and
 * walked over, filters of what is not there, methods of texts, mappings with numbers as keys.
 */
export class PythonInterpreter extends Interpreter {
  /** Expressions whose values go into the text. */
  readonly #printed = new Set<unknown>()
  /** What `for` walks over. */
  readonly #walked = new Set<unknown>()
  /** Texts that the filter `safe` has marked: added to another text, they escape it for HTML, as Python's do. */
  readonly #safe = new WeakSet<Value>()

  constructor(scope: Scope, program: Template['parsed']) {
    super(scope)
    walkTree(program, (node) => {
      for (const child of Object.values(node)) {
        if (!Array.isArray(child) || node.type.endsWith('Literal') || child === node.args) continue
        for (const item of child) if (!STATEMENTS.includes(item?.type)) this.#printed.add(item)
      }
      if (node.type === 'For')
        this.#walked.add(node.iterable?.type === 'SelectExpression' ? node.iterable.lhs : node.iterable)
    })
  }

  override evaluate(statement: Statement, scope: Scope): Value {
    const value = this.#evaluate(statement, scope)
    if (this.#printed.has(statement)) return text(pythonText(value))
    if (!this.#walked.has(statement)) return value
    const items = iterate(value)
    if (!items) throw new Error(`${pythonText(value)} is not iterable`)
    return list(items)
  }

  #evaluate(statement: Statement, scope: Scope): Value {
    if (statement instanceof Computed) return statement.result
    const node = statement as SyntaxNode | undefined
    const inner = (child: SyntaxNode | undefined) => this.evaluate(child as Statement, scope)
    switch (node?.type) {
      case 'ObjectLiteral':
        return mapping(
          [...(node.value as Map<SyntaxNode, SyntaxNode>)].map(([key, value]) => [inner(key), inner(value)]),
        )
      case 'FilterExpression':
        return this.#filter(inner(node.operand), node.filter!, scope)
      case 'TestExpression':
        return boolean(testNamed(String(node.test!.value))(inner(node.operand)) !== node.negate)
      case 'MemberExpression':
        return this.#member(node, inner, scope)
      case 'BinaryExpression': {
        const operator = node.operator!.value
        if (operator === 'and' || operator === 'or') break
        return this.#binary(operator, inner(node.left), inner(node.right), node, scope)
      }
    }
    return super.evaluate(statement, scope)
  }

  #filter(operand: Value, filter: SyntaxNode, scope: Scope): Value {
    const name = String((filter.callee ?? filter).value)
    if (name === 'safe') {
      const marked = text(pythonText(operand))
      this.#safe.add(marked)
      return marked
    }
    const args = filter.args ?? []
    const own = filterNamed(name)
    if (!own || args.some(({ type }) => type.endsWith('SpreadExpression'))) {
      checkSize(operand)
      return super.evaluate(
        { type: 'FilterExpression', operand: new Computed(operand), filter } as Statement,
        scope,
      )
    }
    const value = (node: SyntaxNode | undefined) => this.evaluate(node as Statement, scope)
    const isNamed = ({ type }: SyntaxNode) => type === 'KeywordArgumentExpression'
    return own(operand, {
      args: args.filter((arg) => !isNamed(arg)).map(value),
      named: new Map(
        args.filter(isNamed).map((arg) => [String(arg.key!.value), value(arg.value as SyntaxNode)]),
      ),
      apply: (name, operand, args) =>
        this.#filter(
          operand,
          {
            type: 'CallExpression',
            callee: { type: 'Identifier', value: name },
            args: args.map((arg) => new Computed(arg)),
          },
          scope,
        ),
    })
  }

  #member(node: SyntaxNode, inner: (child: SyntaxNode | undefined) => Value, scope: Scope): Value {
    const object = inner(node.object)
    const rest = { ...node, object: new Computed(object) }
    const property = node.property!
    if (!node.computed) {
      const string = textOf(object)
      const method = string === null ? null : stringMethod(string, String(property.value))
      return method ?? super.evaluate(rest as Statement, scope)
    }
    if (property.type === 'SliceExpression') return super.evaluate(rest as Statement, scope)
    const key = inner(property)
    const entries = entriesOf(object)
    if (!entries || textOf(key) !== null)
      return super.evaluate({ ...rest, property: new Computed(key) } as Statement, scope)
    return isMissing(key) ? missing() : (entries.get(keyText(key)) ?? missing())
  }

  #binary(operator: string, left: Value, right: Value, node: SyntaxNode, scope: Scope): Value {
    switch (operator) {
      case '==':
        return boolean(equal(left, right))
      case '!=':
        return boolean(!equal(left, right))
      case 'in':
        return boolean(isIn(left, right))
      case 'not in':
        return boolean(!isIn(left, right))
      case '~':
        return text(pythonText(left) + pythonText(right))
    }
    const [a, b] = [textOf(left), textOf(right)]
    if (a !== null && b !== null) {
      if (operator === '+') return this.#add(left, right, a, b)
      const order = compare(left, right)
      const orders: Readonly<Record<string, boolean>> = {
        '<': order < 0,
        '>': order > 0,
        '<=': order <= 0,
        '>=': order >= 0,
      }
      if (orders[operator] !== undefined) return boolean(orders[operator])
    }
    if (operator === '*' && a !== null && right.type === 'IntegerValue')
      return text(repeatText(a, Number(right.value)))
    // The library would write the other value into the text; Python refuses, and a list may be of any size.
    if (a !== null || b !== null || (operator === '+' && !itemsOf(left) !== !itemsOf(right)))
      throw new Error(`The operator ${operator} does not take ${left.type} and ${right.type}`)
    return super.evaluate(
      { ...node, left: new Computed(left), right: new Computed(right) } as unknown as Statement,
      scope,
    )
  }

  #add(left: Value, right: Value, a: string, b: string): Value {
    const [safeLeft, safeRight] = [this.#safe.has(left), this.#safe.has(right)]
    if (!safeLeft && !safeRight) return text(a + b)
    const sum = text((safeLeft ? a : escapeHtml(a)) + (safeRight ? b : escapeHtml(b)))
    this.#safe.add(sum)
    return sum
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
}

function escapeHtml(string: string): string {
  return string.replace(/[&<>'"]/g, (character) => ENTITIES[character]!)
}
