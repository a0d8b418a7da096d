import type { StretchEncoder } from './byte-level'
import { TokenType, type Vocabulary } from './vocabulary'

const SPACE = '▁'

/** A pair of neighbours that makes a piece. */
interface Pair {
  readonly score: number
  readonly left: number
  readonly right: number
  /** UTF-16 units of the piece: tells whether the pair is still what it was. */
  readonly length: number
}

/**
 * SentencePiece's BPE (Kudo & Richardson 2018): of all neighbours that make a piece of the vocabulary, those with the
 * best score merge first, the leftmost among equals. What is no piece in the end is spelled in byte tokens.
 */
export function sentencePieceEncoder(vocabulary: Vocabulary): StretchEncoder {
  const pieces = new Map<string, number>()
  const byteIds: (number | undefined)[] = []
  vocabulary.tokens.forEach((text, id) => {
    const type = vocabulary.types[id]
    if (type === TokenType.normal || type === TokenType.userDefined) pieces.set(text, id)
    else if (type === TokenType.byte) byteIds[byteOfPiece(text)] = id
  })
  return (text) => {
    if (text === '') return []
    const spelled = (vocabulary.addsSpacePrefix ? SPACE : '') + text.replaceAll(' ', SPACE)
    const ids: number[] = []
    for (const piece of mergePieces(spelled, pieces, vocabulary.scores)) {
      const id = pieces.get(piece)
      if (id !== undefined) ids.push(id)
      else pushBytes(ids, piece, byteIds, vocabulary.unknownId)
    }
    return ids
  }
}

function pushBytes(
  ids: number[],
  piece: string,
  byteIds: readonly (number | undefined)[],
  unknownId: number | null,
): void {
  const spelled = Array.from(new TextEncoder().encode(piece), (byte) => byteIds[byte])
  if (spelled.every((id) => id !== undefined)) ids.push(...spelled)
  else if (unknownId !== null && ids.at(-1) !== unknownId) ids.push(unknownId)
}

function mergePieces(text: string, pieces: ReadonlyMap<string, number>, scores: ArrayLike<number>): string[] {
  const starts: number[] = []
  for (let i = 0; i < text.length; i += text.codePointAt(i)! > 0xffff ? 2 : 1) starts.push(i)
  const count = starts.length
  const lengths = Int32Array.from(starts, (start, i) => (starts[i + 1] ?? text.length) - start)
  const next = Int32Array.from(starts, (_, i) => (i + 1 < count ? i + 1 : -1))
  const previous = Int32Array.from(starts, (_, i) => i - 1)
  const heap: Pair[] = []
  const consider = (left: number, right: number): void => {
    if (left < 0 || right < 0) return
    const length = lengths[left]! + lengths[right]!
    const id = pieces.get(text.slice(starts[left], starts[left]! + length))
    if (id !== undefined) pushPair(heap, { score: scores[id]!, left, right, length })
  }
  for (let i = 0; i + 1 < count; i++) consider(i, i + 1)
  for (let pair = popPair(heap); pair; pair = popPair(heap)) {
    const { left, right, length } = pair
    // A symbol that was merged away has length 0, so a pair that is out of date no longer adds up.
    if (lengths[left] === 0 || lengths[right] === 0 || lengths[left]! + lengths[right]! !== length) continue
    lengths[left] = length
    lengths[right] = 0
    next[left] = next[right]!
    if (next[left] >= 0) previous[next[left]] = left
    consider(previous[left]!, left)
    consider(left, next[left])
  }
  const result: string[] = []
  for (let i = count > 0 ? 0 : -1; i >= 0; i = next[i]!)
    result.push(text.slice(starts[i], starts[i]! + lengths[i]!))
  return result
}

function before(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left)
}

function pushPair(heap: Pair[], pair: Pair): void {
  let at = heap.length
  heap.push(pair)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(pair, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = pair
}

function popPair(heap: Pair[]): Pair | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return top
}

/** The byte of a byte token such as `<0x0A>`; NaN for another text. */
export function byteOfPiece(piece: string): number {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(piece) ? Number.parseInt(piece.slice(3, 5), 16) : Number.NaN
}

/** A piece as text: U+2581 is a space. */
export function pieceText(piece: string): string {
  return piece.replaceAll(SPACE, ' ')
}
