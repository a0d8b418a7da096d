/** A pair of neighbours that may merge. */
interface Pair {
  /** The least merges first. */
  readonly rank: number
  readonly left: number
  readonly right: number
  /** UTF-16 units of both: tells whether the pair is still what it was. */
  readonly length: number
}

/**
 * The rank of the merge of text[start, middle) with text[middle, end): the least goes first. `undefined` where the two
 * do not merge.
 */
export type RankOf = (start: number, middle: number, end: number) => number | undefined

/**
 * Byte-pair encoding (Sennrich et al. 2016): merges neighbours, the least rank first and the leftmost among equals,
 * until none merge. Begins with the text's characters; gives the offsets at which its pieces end. O(n log n).
 */
export function mergedEnds(text: string, rankOf: RankOf): number[] {
  const starts: number[] = []
  for (let i = 0; i < text.length; i += text.codePointAt(i)! > 0xffff ? 2 : 1) starts.push(i)
  const count = starts.length
  const lengths = Int32Array.from(starts, (start, i) => (starts[i + 1] ?? text.length) - start)
  const next = Int32Array.from(starts, (_, i) => (i + 1 < count ? i + 1 : -1))
  const previous = Int32Array.from(starts, (_, i) => i - 1)
  const heap: Pair[] = []
  const consider = (left: number, right: number): void => {
    if (left < 0 || right < 0) return
    const start = starts[left]!
    const middle = start + lengths[left]!
    const rank = rankOf(start, middle, middle + lengths[right]!)
    if (rank !== undefined) pushPair(heap, { rank, left, right, length: lengths[left]! + lengths[right]! })
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
  const ends: number[] = []
  for (let i = count > 0 ? 0 : -1; i >= 0; i = next[i]!) ends.push(starts[i]! + lengths[i]!)
  return ends
}

function before(a: Pair, b: Pair): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.left < b.left)
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
