/** A node of the library's syntax tree, seen as data. */
export interface SyntaxNode {
  type: string
  value?: unknown
  operator?: { value: string }
  left?: SyntaxNode
  right?: SyntaxNode
  callee?: SyntaxNode
  object?: SyntaxNode
  property?: SyntaxNode
  computed?: boolean
  operand?: SyntaxNode
  negate?: boolean
  test?: SyntaxNode
  filter?: SyntaxNode
  key?: SyntaxNode
  args?: SyntaxNode[]
  iterable?: SyntaxNode
  lhs?: SyntaxNode
}

/** Calls `visit` with a node and all that are within it. */
export function walkTree(root: unknown, visit: (node: SyntaxNode) => void): void {
  if (Array.isArray(root)) for (const item of root) walkTree(item, visit)
  else if (root instanceof Map) for (const pair of root) walkTree(pair, visit)
  else if (typeof root === 'object' && root !== null && 'type' in root) {
    const node = root as SyntaxNode
    visit(node)
    for (const child of Object.values(node)) walkTree(child, visit)
  }
}
