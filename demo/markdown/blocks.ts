import { Lexer } from 'marked'

/** A line that may still become an item of the list before it, or underline a heading. */
const undecidedLine = /^[ \t]*(?:[-*+_=~`#>|]+|\d{1,9}[.)]?)?[ \t]*$/

/**
 * Splits Markdown that is still growing into top-level blocks that no further text can change, and the rest.
 * Joined, they are the source again.
 */
export function splitBlocks(source: string): { readonly settled: readonly string[]; readonly open: string } {
  const blocks: string[] = []
  for (const { type, raw } of new Lexer().blockTokens(source)) {
    // Empty lines belong to the block before them, which they may not have ended.
    if (type === 'space' && blocks.length > 0) blocks[blocks.length - 1] += raw
    else blocks.push(raw)
  }
  const settled = blocks.slice(0, -1)
  if (settled.length > 0 && undecidedLine.test(blocks.at(-1)!)) settled.pop()
  const settledLength = settled.reduce((sum, block) => sum + block.length, 0)
  return { settled, open: source.slice(settledLength) }
}
