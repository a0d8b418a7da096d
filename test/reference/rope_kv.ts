export interface RopeKvInput {
  /** f32 [tokens, row] */
  readonly qkv: ArrayLike<number>
  /** Elements of a token's row, and where in it the heads begin and how far apart they are. */
  readonly layout: {
    readonly row: number
    readonly q: readonly [at: number, stride: number]
    readonly k: readonly [at: number, stride: number]
    readonly v: readonly [at: number, stride: number]
  }
  /** [positions, ropeRow]: cosine and sine of each pair */
  readonly rope: ArrayLike<number>
  readonly ropeRow: number
  readonly ropeDim: number
  readonly ropeFrom: number
  /** Pairs are i and i + ropeDim / 2; else neighbours. */
  readonly halves: boolean
  readonly positions: readonly number[]
  readonly slots: readonly number[]
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly valueDim: number
  readonly blockSize: number
  readonly scale: (position: number) => number
  readonly norm: HeadNorm | null
  /** V is divided by its root mean square, with this epsilon; null: it is not. */
  readonly valueNorm: number | null
  readonly eps: number
  readonly clip: number
  /** Elements of each query that the kernel leaves alone, and that the rows do not have. */
  readonly queryFrom?: number
}

export interface HeadNorm {
  readonly kind: 'rms' | 'rmsOfAll' | 'layerNorm' | 'rmsOfLatent'
  readonly afterRope: boolean
  /** [head dim], or [heads, head dim] of Q's and K's heads; null: all are 1, or 0. */
  readonly weights: { readonly q: ArrayLike<number>; readonly k: ArrayLike<number> } | null
  readonly biases: { readonly q: ArrayLike<number>; readonly k: ArrayLike<number> } | null
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

/** Elements and the magnitudes of their terms. */
interface Terms {
  readonly values: readonly number[]
  readonly magnitudes: readonly number[]
}

/** Norms of heads, rotation of pairs (x, y) → (x cos − y sin, x sin + y cos), and the KV write by slot. */
export function ropeKv(input: RopeKvInput): RopeKvOutput {
  const { positions, slots, heads, kvHeads, headDim, valueDim, blockSize, layout, norm } = input
  const q = new Float64Array(positions.length * heads * headDim)
  const qMagnitude = new Float64Array(q.length)
  const written: WrittenRow[] = []
  positions.forEach((position, token) => {
    const projected = (part: 'q' | 'k' | 'v', count: number, dim: number) =>
      Array.from({ length: count }, (_, head) => {
        const at = token * layout.row + layout[part][0] + head * layout[part][1]
        return terms(Array.from({ length: dim }, (_, i) => input.qkv[at + i]!))
      })
    const finished = (part: 'q' | 'k', count: number) => {
      const from = part === 'q' ? (input.queryFrom ?? 0) : 0
      const heads = projected(part, count, headDim - from).map((head) => behind(head, from))
      const normed = (rows: readonly Terms[]) =>
        norm!.kind === 'rmsOfLatent' ? latents(rows, part, input) : normalized(rows, norm!, part, input.eps)
      const before = (norm && !norm.afterRope ? normed(heads) : heads).map((head) =>
        clipped(head, input.clip),
      )
      const turned = before.map((head) => rotated(head, position, input))
      return norm?.afterRope ? normed(turned) : turned
    }
    const scale = input.scale(position)
    finished('q', heads).forEach(({ values, magnitudes }, head) => {
      const at = (token * heads + head) * headDim
      values.forEach((value, i) => {
        q[at + i] = value * scale
        qMagnitude[at + i] = magnitudes[i]! * scale
      })
    })
    const slot = slots[token]!
    const at = { block: Math.floor(slot / blockSize), key: slot % blockSize }
    finished('k', kvHeads).forEach(({ values, magnitudes }, kvHead) => {
      written.push({ ...at, kvHead, values: false, row: values, magnitudes })
    })
    const plain: HeadNorm = { kind: 'rms', afterRope: false, weights: null, biases: null }
    const values = projected('v', kvHeads, valueDim)
    const { valueNorm } = input
    const kept = valueNorm === null ? values : normalized(values, plain, 'k', valueNorm)
    kept.forEach((head, kvHead) => {
      const { values, magnitudes } = clipped(head, input.clip)
      const exact = valueNorm === null ? magnitudes.map(() => 0) : magnitudes
      written.push({ ...at, kvHead, values: true, row: values, magnitudes: exact })
    })
  })
  return { q, qMagnitude, written }
}

function terms(values: readonly number[]): Terms {
  return { values, magnitudes: values.map(Math.abs) }
}

/** Behind so many zeros. */
function behind({ values, magnitudes }: Terms, from: number): Terms {
  const zeros = new Array<number>(from).fill(0)
  return { values: [...zeros, ...values], magnitudes: [...zeros, ...magnitudes] }
}

/** Keys whose first `valueDim` elements are normalized; queries as they are. */
function latents(
  rows: readonly Terms[],
  part: 'q' | 'k',
  { norm, valueDim, eps }: RopeKvInput,
): readonly Terms[] {
  if (part === 'q') return rows
  return rows.map(({ values, magnitudes }) => {
    const first = { values: values.slice(0, valueDim), magnitudes: magnitudes.slice(0, valueDim) }
    const [latent] = normalized([first], { ...norm!, kind: 'rms' }, part, eps)
    return {
      values: [...latent!.values, ...values.slice(valueDim)],
      magnitudes: [...latent!.magnitudes, ...magnitudes.slice(valueDim)],
    }
  })
}

function clipped({ values, magnitudes }: Terms, clip: number): Terms {
  return { values: values.map((value) => Math.max(-clip, Math.min(clip, value))), magnitudes }
}

function normalized(rows: readonly Terms[], norm: HeadNorm, part: 'q' | 'k', eps: number): Terms[] {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const of = (row: Terms, all: readonly (readonly number[])[]) => {
    const middle = norm.kind === 'layerNorm' ? mean(row.values) : 0
    const away = norm.kind === 'layerNorm' ? mean(row.magnitudes) : 0
    const variance = mean(all.flatMap((values) => values.map((value) => (value - middle) ** 2)))
    return { middle, away, factor: 1 / Math.sqrt(variance + eps) }
  }
  return rows.map((row, head) => {
    const all = norm.kind === 'rmsOfAll' ? rows.map(({ values }) => values) : [row.values]
    const { middle, away, factor } = of(row, all)
    const own = (values: ArrayLike<number>, i: number) =>
      values[values.length > row.values.length ? head * row.values.length + i : i]!
    const weight = (i: number) => (norm.weights ? own(norm.weights[part], i) : 1) * factor
    const bias = (i: number) => (norm.biases ? own(norm.biases[part], i) : 0)
    return {
      values: row.values.map((value, i) => (value - middle) * weight(i) + bias(i)),
      magnitudes: row.magnitudes.map((value, i) => (value + away) * Math.abs(weight(i)) + Math.abs(bias(i))),
    }
  })
}

function rotated({ values, magnitudes }: Terms, position: number, input: RopeKvInput): Terms {
  const { rope, ropeRow, ropeDim, ropeFrom, halves } = input
  const turned = [...values]
  const sizes = [...magnitudes]
  for (let pair = 0; pair < ropeDim / 2; pair++) {
    const first = ropeFrom + (halves ? pair : 2 * pair)
    const second = first + (halves ? ropeDim / 2 : 1)
    const [cos, sin] = [rope[position * ropeRow + 2 * pair]!, rope[position * ropeRow + 2 * pair + 1]!]
    const [x, y] = [values[first]!, values[second]!]
    turned[first] = x * cos - y * sin
    turned[second] = x * sin + y * cos
    const [a, b] = [magnitudes[first]!, magnitudes[second]!]
    sizes[first] = a * Math.abs(cos) + b * Math.abs(sin)
    sizes[second] = a * Math.abs(sin) + b * Math.abs(cos)
  }
  return { values: turned, magnitudes: sizes }
}
