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
  readonly blocks: number
  readonly scale: number
}

export interface RopeKvOutput {
  /** [tokens, heads, head dim], turned and scaled; and the sum of the magnitudes of its terms */
  readonly q: Float64Array
  readonly qMagnitude: Float64Array
  /** What is written to the cache [2, blocks, kv heads, block size, head dim], by element: value and magnitude. */
  readonly written: ReadonlyMap<number, readonly [value: number, magnitude: number]>
}

/** Rotary position embedding of neighbouring pairs (x, y) → (x cos − y sin, x sin + y cos), and the KV write by slot. */
export function ropeKv(input: RopeKvInput): RopeKvOutput {
  const { qkv, rope, positions, slots, heads, kvHeads, headDim, blockSize, blocks, scale } = input
  const q = new Float64Array(positions.length * heads * headDim)
  const qMagnitude = new Float64Array(q.length)
  const written = new Map<number, readonly [number, number]>()
  positions.forEach((position, token) => {
    const row = token * (heads + 2 * kvHeads) * headDim
    const turned = (head: number, i: number): [number, number] => {
      const even = row + head * headDim + i - (i % 2)
      const [x, y] = [qkv[even]!, qkv[even + 1]!]
      const [cos, sin] = [
        rope[position * headDim + i - (i % 2)]!,
        rope[position * headDim + i - (i % 2) + 1]!,
      ]
      const [first, second] = i % 2 === 0 ? [x * cos, -y * sin] : [x * sin, y * cos]
      return [first + second, Math.abs(first) + Math.abs(second)]
    }
    const slot = slots[token]!
    const place = (kvHead: number, i: number) =>
      ((Math.floor(slot / blockSize) * kvHeads + kvHead) * blockSize + (slot % blockSize)) * headDim + i
    for (let i = 0; i < headDim; i++) {
      for (let head = 0; head < heads; head++) {
        const [value, magnitude] = turned(head, i)
        q[(token * heads + head) * headDim + i] = value * scale
        qMagnitude[(token * heads + head) * headDim + i] = magnitude * scale
      }
      for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
        written.set(place(kvHead, i), turned(heads + kvHead, i))
        const v = qkv[row + (heads + kvHeads + kvHead) * headDim + i]!
        written.set(blocks * kvHeads * blockSize * headDim + place(kvHead, i), [v, 0])
      }
    }
  })
  return { q, qMagnitude, written }
}
