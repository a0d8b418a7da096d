export interface RopeKvInput {
  /** [tokens, (heads + 2 kv heads) · head dim] */
  readonly qkv: ArrayLike<number>
  /** [positions, head dim]: cosine and sine of each pair */
  readonly rope: ArrayLike<number>
  readonly positions: readonly number[]
  readonly slots: readonly number[]
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly blockSize: number
  readonly scale: number
  /** Pairs are (i, i + half), of the first 2 · half elements; 0: neighbours. */
  readonly half?: number
}

export interface RopeKvOutput {
  /** [tokens, heads, head dim], turned and scaled; and the sum of the magnitudes of its terms */
  readonly q: Float64Array
  readonly qMagnitude: Float64Array
  /** What is written to the cache. */
  readonly written: readonly WrittenRow[]
}

/** One token's key or value of one head: its elements, and the magnitudes of their terms. */
export interface WrittenRow {
  readonly values: boolean
  readonly block: number
  readonly kvHead: number
  readonly key: number
  readonly row: readonly number[]
  readonly magnitudes: readonly number[]
}

/** Rotary position embedding of pairs (x, y) → (x cos − y sin, x sin + y cos), and the KV write by slot. */
export function ropeKv(input: RopeKvInput): RopeKvOutput {
  const { qkv, rope, positions, slots, heads, kvHeads, headDim, blockSize, scale, half = 0 } = input
  const q = new Float64Array(positions.length * heads * headDim)
  const qMagnitude = new Float64Array(q.length)
  const written: WrittenRow[] = []
  positions.forEach((position, token) => {
    const row = token * (heads + 2 * kvHeads) * headDim
    const turned = (head: number, i: number): [number, number] => {
      const at = row + head * headDim
      if (half > 0 && i >= 2 * half) return [qkv[at + i]!, Math.abs(qkv[at + i]!)]
      const pair = half > 0 ? i % half : Math.floor(i / 2)
      const [x, y] =
        half > 0 ? [qkv[at + pair]!, qkv[at + pair + half]!] : [qkv[at + 2 * pair]!, qkv[at + 2 * pair + 1]!]
      const [cos, sin] = [rope[position * headDim + 2 * pair]!, rope[position * headDim + 2 * pair + 1]!]
      const isFirst = half > 0 ? i < half : i % 2 === 0
      const [first, second] = isFirst ? [x * cos, -y * sin] : [x * sin, y * cos]
      return [first + second, Math.abs(first) + Math.abs(second)]
    }
    const slot = slots[token]!
    for (let i = 0; i < headDim; i++) {
      for (let head = 0; head < heads; head++) {
        const [value, magnitude] = turned(head, i)
        q[(token * heads + head) * headDim + i] = value * scale
        qMagnitude[(token * heads + head) * headDim + i] = magnitude * scale
      }
    }
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      const at = { block: Math.floor(slot / blockSize), kvHead, key: slot % blockSize }
      const elements = Array.from({ length: headDim }, (_, i) => i)
      const keys = elements.map((i) => turned(heads + kvHead, i))
      const values = elements.map((i) => qkv[row + (heads + kvHeads + kvHead) * headDim + i]!)
      const magnitudes = keys.map(([, magnitude]) => magnitude)
      written.push({ ...at, values: false, row: keys.map(([value]) => value), magnitudes })
      written.push({ ...at, values: true, row: values, magnitudes: values.map(() => 0) })
    }
  })
  return { q, qMagnitude, written }
}
